import { expect, test } from "vitest";
import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import { createPreviousVersionApp, getPlainText } from "./previous-version-app.ts";

const MINUTE_MS = 60_000;
const TIMEOUT = { timeout: 120_000 };

type PreviousVersionApp = Awaited<ReturnType<typeof createPreviousVersionApp>>;

/** Handles all waiting jobs and runs every tick. */
async function workBacklog(app: PreviousVersionApp): Promise<void> {
  app.start();
  await app.time.advance(3 * MINUTE_MS);
  await app.runTicks("poll", "claims", "cycles", "digest", "trim", "jobs");
}

/** What could be sent or written by mistake. */
function countEffects({ telegram, posts, plane }: PreviousVersionApp) {
  return {
    telegram: telegram.calls.length,
    posts: posts.length,
    plane: plane.ledger.requests.filter(({ method }) => method !== "GET").length,
  };
}

const listKeys = (text: string) => [...new Set(text.match(/\b(?:ONB|OPS|GAR|LAT)-\d+\b/g))];

/** The keys that all messages together report as completed, each as often as it is reported. */
function listReportedCompletions(messages: readonly SimulatedMessage[]): string[] {
  const lines = messages.flatMap((message) => getPlainText(message).split("\n"));
  return lines.flatMap((line) => /^✅ Completed: (\S+)/.exec(line)?.[1] ?? []).sort();
}

/** Times that pass between two answers, and words that each version chooses for itself. */
const VARIABLE_FIELDS = ["version", "age_s", "held_until", "until", "totals_s", "why_not", "history", "comments"];

function withoutVariableFields(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer, (name, value) => (VARIABLE_FIELDS.includes(name) ? undefined : value)));
}

test("a store of version 0.1 is answered from as that version did", TIMEOUT, async () => {
  const app = await createPreviousVersionApp(0);
  const { answers, timeCsv, cookie } = app.world;
  for (const [path, answer] of Object.entries(answers)) {
    const response = await app.request(path);
    expect([path, withoutVariableFields(await response.json())]).toEqual([path, withoutVariableFields(answer)]);
  }
  expect(await (await app.request("/time.csv")).text()).toBe(timeCsv);
  // A page that had signed in still is.
  const headers = { cookie, authorization: "" };
  expect((await app.request("/api/board", { headers })).status).toBe(200);
});

test("agents see the tasks, claims and questions of a store of version 0.1 as before", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  for (const [who, answer] of Object.entries(app.world.details)) {
    const [agent = "", task] = who.split(" ");
    const response = await (task
      ? app.callTool(agent, "get_task_details", { task })
      : app.callTool(agent, "list_my_tasks", {}));
    expect([who, withoutVariableFields(await response.json())]).toEqual([who, withoutVariableFields(answer)]);
  }
});

test(
  "jobs that version 0.1 left are handled once, and notifications that it sent are not sent again",
  TIMEOUT,
  async () => {
    const app = await createPreviousVersionApp();
    const { messages: oldMessages } = app.world;
    const oldIds = new Set(oldMessages.map(({ id }) => id));
    await workBacklog(app);

    // Once each: what was reported before (ONB-2, 12, 17, 27), what was waiting to be, and what only the poll could see
    // (ONB-23). Not ONB-1, done before the first poll, and not OPS-1 and OPS-2: their project is muted.
    expect(listReportedCompletions(app.getBotMessages())).toEqual(
      [10, 11, 12, 17, 18, 2, 23, 24, 26, 27, 5, 6].map((n) => `ONB-${n}`),
    );
    const newMessages = app.getBotMessages().filter(({ id }) => !oldIds.has(id));
    const newKeys = newMessages.map((message) => listKeys(getPlainText(message).split("\n")[0] ?? ""));
    expect(newKeys.sort()).toEqual([[], ["ONB-11"], ["ONB-18"], ["ONB-3"], ["ONB-33"]]);
    // Its sending was under way when that version ended, so the repeat says that it may be one.
    const help = oldMessages.find(({ text }) => text.startsWith("🧭"))?.text ?? "?";
    const repeated = newMessages.find(({ text }) => text.startsWith("🧭"))?.text ?? "";
    expect([repeated.startsWith(help), repeated.length > help.length]).toEqual([true, true]);

    // Other messages than these say what they said.
    const edited = app
      .getBotMessages()
      .filter(({ id, text }) => oldMessages.some((old) => old.id === id && old.text !== text));
    expect(edited.map((message) => listKeys(getPlainText(message))[0]).sort()).toEqual(
      [12, 13, 13, 14, 14, 15, 15, 18, 26, 4, 5, 5].map((n) => `ONB-${n}`),
    );
    // What came within 20 seconds of a report is grouped with it.
    const grouped = app.getBotMessages().find((message) => getPlainText(message).includes("Completed: ONB-12"));
    expect(listKeys(grouped ? getPlainText(grouped) : "")).toEqual(
      expect.arrayContaining(["ONB-12", "ONB-24", "ONB-11"]),
    );

    const forwarded = app.posts.filter(({ url }) => url === "http://n8n.example.test/hook");
    const events = forwarded.map(({ body }) => JSON.parse(body) as { type: string; data: { item: { key: string } } });
    expect(events.map(({ type, data }) => `${type} ${data.item.key}`).sort()).toEqual([
      "issue.assigned ONB-16",
      "issue.assigned ONB-22",
      "issue.assigned ONB-31",
      ...["10", "11", "12", "18", "23", "24", "26", "5", "6"].map((n) => `issue.completed ONB-${n}`),
      "issue.completed OPS-2",
    ]);
    const woken = app.posts.filter(({ url }) => url === "http://openclaw.example.test/hooks/agent");
    expect(woken.map(({ body }) => listKeys(body))).toEqual([["ONB-22"]]);
    expect(app.posts).toHaveLength(forwarded.length + woken.length);

    expect(app.listPlaneWrites()).toEqual([
      "PATCH Draft the contract",
      "PATCH Draft the contract comments",
      "PATCH Draw the logo comments",
      "PATCH Fix the lamp comments",
      "PATCH Make the sign",
      "PATCH Open the door",
      "PATCH Paint the room",
      "PATCH Print the flyer",
      "PATCH Seat the guests",
      "PATCH Tune the drums comments",
      "POST Draft the contract comments",
      "POST Fix the lamp comments",
      "POST Invite the guests comments",
      "POST Open the door comments",
      "POST Paint the room comments",
      "POST Write the menu comments",
      "POST new",
    ]);

    const { queues } = await app.store.stats();
    const left = Object.entries(queues).flatMap(([queue, { pending, dead }]) =>
      pending + dead > 0 ? [`${queue}: ${pending} pending, ${dead} failed`] : [],
    );
    // What is due later (three reminders, two looks for partial uploads, a check of each wake), and the job that had failed.
    expect(left).toEqual(["forward: 0 pending, 1 failed", "work: 5 pending, 0 failed", "wake: 2 pending, 0 failed"]);
    const before = countEffects(app);
    await app.runTicks("poll", "claims", "cycles", "digest", "jobs");
    expect(countEffects(app)).toEqual(before);
  },
);

test("agents continue work that they began under version 0.1", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  await workBacklog(app);
  const call = async (agent: string, tool: string, input: object) => {
    const response = await app.callTool(agent, tool, input);
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };

  // A timer stops with the time since it was started.
  const stopped = await call("Imhotep", "stop_timer", { task: "ONB-3" });
  const { timerStarted } = app.world;
  expect(stopped).toMatchObject({ status: 200, answer: { stopped: true, from: timerStarted } });
  const seconds = (Date.parse(String(stopped.answer["to"])) - Date.parse(timerStarted)) / 1000;
  expect(Math.abs(Number(stopped.answer["spent_seconds"]) - seconds)).toBeLessThan(2);
  expect(seconds).toBeGreaterThan(700);

  // A claim keeps others out, and its owner in.
  const thot = app.world.plane.rows.users.find(({ display_name }) => display_name === "thot");
  for (const item of [app.findItem("Build the stage"), app.findItem("Hang the poster")])
    app.plane.editItem(item, { assignees: [...item.assignees, thot?.id ?? ""] });
  await app.deliverWebhooks();
  const refused = await call("Thot", "claim_task", { task: "ONB-21" });
  expect([refused.status, JSON.stringify(refused.answer)]).toEqual([409, expect.stringContaining("Imhotep")]);
  expect(await call("Imhotep", "report", { task: "ONB-21", percent: 50 })).toMatchObject({ status: 200 });
  // The first call after a lost claim is refused, the next one succeeds.
  expect(await call("Thot", "start_timer", { task: "ONB-25" })).toMatchObject({ status: 409 });
  expect(await call("Thot", "start_timer", { task: "ONB-25" })).toMatchObject({ status: 200 });

  // Answers have reached their questions, and asking an open question again returns the same question.
  for (const [task, text] of [
    ["ONB-15", "Vegan"],
    ["ONB-14", "Three minutes"],
  ]) {
    const { answer } = await call("Thot", "get_task_details", { task });
    expect(answer["questions"]).toMatchObject({ latest: [{ answer: text }] });
  }
  const button = app.getBotMessages().flatMap(({ buttons }) => buttons.flat().filter(({ text }) => text === "Red"))[0];
  expect(
    await call("Thot", "ask_human", { task: "ONB-4", text: "Which colour?", choices: ["Red", "Blue"] }),
  ).toMatchObject({
    answer: { status: "open", question: button?.callback_data.split(":")[1] },
  });

  // A task ends with the note and the cost that were reported before: no other summary is needed.
  const done = await call("Imhotep", "update_task_status", { task: "ONB-3", status: "done" });
  expect(done).toMatchObject({ status: 200, answer: { status: "done" } });
  await app.time.advance(MINUTE_MS);
  expect(listReportedCompletions(app.getBotMessages()).filter((key) => key === "ONB-3")).toEqual(["ONB-3"]);
  const details = await call("Imhotep", "get_task_details", { task: "ONB-3" });
  expect(details.answer).toMatchObject({ agent: { cost: 1.25, commit: "abc1234" } });
});

test("people continue requests that they began under version 0.1", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  await workBacklog(app);

  // A question is answered by its button.
  await app.pressButton(/^Red$/);
  const comments = app.plane.comments(app.findItem("Pick the colours")).map(({ comment_html }) => comment_html);
  expect(comments.filter((html) => html.includes("Red") && !html.includes("Blue"))).toHaveLength(1);
  const question = app.getBotMessages().find((message) => /Which colour\?/.test(getPlainText(message)));
  expect([question?.buttons, question ? getPlainText(question) : ""]).toEqual([[], expect.stringContaining("Red")]);

  // A choice and a page that were offered are still there.
  await app.pressButton(/^ONB-3 /);
  const chosen = app.getBotMessages().filter((message) => /ONB-3 Build the image\nProject/.test(getPlainText(message)));
  // The other message was requested by the task's name.
  expect(chosen).toHaveLength(2);
  await app.pressButton(/◀/);
  expect(app.getBotMessages().some((message) => message.edits.length > 1 && message.text.startsWith("📊"))).toBe(true);

  // A project stays muted until it is unmuted.
  await app.writeToChat("/plane unmute OPS");
  app.plane.editItem(app.findItem("Clean the racks"), { state: "Todo" });
  await app.deliverWebhooks();
  app.plane.editItem(app.findItem("Clean the racks"), { state: "Done" });
  await app.deliverWebhooks();
  expect(listReportedCompletions(app.getBotMessages()).filter((key) => key.startsWith("OPS"))).toEqual(["OPS-2"]);

  // A failed job is sent once more, once.
  const { dead_letters: failed } = (await (await app.request("/dead-letters")).json()) as {
    dead_letters: { queue: string; id: string }[];
  };
  for (const { queue, id } of failed) {
    const path = `/dead-letters/${queue}/${encodeURIComponent(id)}/replay`;
    expect((await app.request(path, { method: "POST" })).status).toBe(200);
  }
  await app.time.advance(MINUTE_MS);
  expect(app.posts.filter(({ url }) => url === "http://gone.example.test/hook").map(({ id }) => id)).toEqual(
    failed.map(({ id }) => id),
  );

  // A partial upload is removed half an hour after it was begun.
  const stage = app.findItem("Build the stage");
  expect(app.plane.attachments(stage)).toHaveLength(1);
  await app.time.advance(30 * MINUTE_MS, 10_000);
  expect(app.plane.attachments(stage)).toEqual([]);
});

test("jobs that version 0.1 delayed run when they are due", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  await workBacklog(app);
  const before = new Set(app.getBotMessages().map(({ id }) => id));
  await app.time.advance(60 * MINUTE_MS, 10_000);

  // Of three questions one is still open: a reminder follows its message.
  const question = app.getBotMessages().find((message) => /ONB-4 .*\nWhich colour\?/.test(getPlainText(message)));
  const reminders = app.getBotMessages().filter(({ id }) => !before.has(id));
  expect(reminders.map((message) => [listKeys(getPlainText(message)), message.replyTo])).toEqual([
    [["ONB-4"], question?.id],
  ]);
  // Imhotep was woken before the end and after it, and has called nothing: a check of each wake leads to one more wake.
  expect(app.posts.filter(({ url }) => url === "http://openclaw.example.test/hooks/agent")).toHaveLength(2);
  const { queues } = await app.store.stats();
  expect(Object.values(queues).reduce((sum, { dead }) => sum + dead, 0)).toBe(1);

  // The next morning's digest: what was completed the day before, by either version, and the question that is still open.
  await app.time.advance(Date.parse("2026-11-22T08:02:00Z") - app.time.clock(), 10 * MINUTE_MS);
  const sent = app.getBotMessages().length;
  await app.runTicks("digest");
  const digest = app.getBotMessages().slice(sent).map(getPlainText).join("\n");
  expect(listKeys(digest)).toEqual(expect.arrayContaining(["ONB-2", "ONB-4", "ONB-17", "ONB-18", "ONB-27"]));
});
