import { expect, test } from "vitest";
import { createPreviousVersionApp, getPlainText } from "./previous-version-app.ts";
import {
  countEffects,
  listKeys,
  listReportedCompletions,
  MINUTE_MS,
  TIMEOUT,
  workBacklog,
} from "./previous-version-backlog.ts";

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
  // Imhotep was woken and has called nothing: when the claims of version 0.1 have expired, it is woken once more.
  const countWakes = () => app.posts.filter(({ url }) => url === "http://openclaw.example.test/hooks/agent").length;
  expect(countWakes()).toBe(1);
  for (let minute = 0; minute < 17; minute += 1) {
    await app.runTicks("claims");
    await app.time.advance(MINUTE_MS);
  }
  expect(countWakes()).toBe(2);
  const { queues } = await app.store.stats();
  expect(Object.values(queues).reduce((sum, { dead }) => sum + dead, 0)).toBe(1);

  // The next morning's digest: what was completed the day before, by either version, and the question that is still open.
  await app.time.advance(Date.parse("2026-11-22T08:02:00Z") - app.time.clock(), 10 * MINUTE_MS);
  const sent = app.getBotMessages().length;
  await app.runTicks("digest");
  const digest = app.getBotMessages().slice(sent).map(getPlainText).join("\n");
  expect(listKeys(digest)).toEqual(expect.arrayContaining(["ONB-2", "ONB-4", "ONB-17", "ONB-18", "ONB-27"]));
});
