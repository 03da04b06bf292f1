import { expect, test } from "vitest";
import { type AgentTestAppOptions, createAgentTestApp } from "../../../support/agent-test-app.ts";

/** An app with one task for Imhotep and one for Thot. */
async function createStatusTestApp(options: AgentTestAppOptions = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write the guide", "Imhotep");
  const other = app.addTask("Print it", "Thot");
  await app.runFirstPoll();
  const setStatus = (change: Parameters<ReturnType<typeof app.actAs>["setStatus"]>[1], by = "Imhotep", key = "ONB-1") =>
    app.actAs(by).setStatus(key, change);
  /** The comments on the task as text, oldest first, without the card. */
  const readTexts = () =>
    app
      .readComments(item)
      .filter((comment) => !comment.includes("card"))
      .map((comment) => comment.replace(/(<[^>]*>|\s)+/g, " ").trim())
      .reverse();
  return { app, item, other, setStatus, readTexts };
}

test("OPENCLAW-04 an agent starts and finishes its task, each with a comment", async () => {
  const { app, item, setStatus, readTexts } = await createStatusTestApp();
  const started = { key: "ONB-1", status: "in_progress", heldUntil: expect.any(Number) };
  expect(await setStatus({ status: "in_progress" })).toMatchObject(started);
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect((await app.readItem(item))?.startedAt).toMatch(/^2026-11-21T08:0/);
  await app.runUntilIdle();
  const done = { status: "done", text: "All **said**.", commit: "a1b2c3", tests: "12 passed" } as const;
  expect(await setStatus(done)).toMatchObject({ status: "done", inReview: false });
  expect(app.readPlaneItem(item).state).toBe("Done");
  await app.runUntilIdle();
  expect(readTexts()).toEqual(["Imhotep: Started", expect.stringMatching(/^Imhotep: Done .*said.*a1b2c3.*12 passed/)]);
  expect(app.takeEvents()).toEqual(["ONB-1 started", "ONB-1 completed"]);
  await expect(app.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
});

test("a change of status does not wait for its comment, which the queue writes once, before whatever follows it", async () => {
  const { app, setStatus, readTexts } = await createStatusTestApp();
  const faults = app.plane.faults.add({ method: "POST", path: "comments" }, { kind: "status", status: 503 });
  expect(await setStatus({ status: "in_progress" })).toMatchObject({ status: "in_progress" });
  app.advance(2_000);
  await app.drain();
  expect(readTexts()).toEqual([]);
  faults();
  await app.actAs("Imhotep").comment("ONB-1", { text: "Half of it." });
  await setStatus({ status: "blocked", text: "Which one?" });
  await setStatus({ status: "in_progress", text: "That one." });
  await setStatus({ status: "cancelled", text: "Not needed." }, "Ada");
  await app.runUntilIdle();
  expect(readTexts()).toEqual([
    "Imhotep: Started",
    "Imhotep: Half of it.",
    "Imhotep: Blocked Which one?",
    "Imhotep: Started That one.",
    "Ada: Cancelled Not needed.",
  ]);
});

test.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-04 OPENCLAW-14 on Plane %s blockers stop", async (version) => {
  const { app, item, other, setStatus } = await createStatusTestApp({ version });
  const third = app.addTask("Bind it", "Imhotep");
  await app.poll();
  const waitForOther = (one: typeof item) => {
    if (version === "1.2.2") app.plane.editItem(one, { description_html: "<p>Blocked by: ONB-2</p>" });
    else app.plane.relate(one, other);
    app.dropWebhooks();
  };
  waitForOther(third);
  await expect(setStatus({ status: "in_progress" }, "Imhotep", "ONB-3")).rejects.toThrow("it waits for ONB-2 (todo)");
  await setStatus({ status: "in_progress" });
  waitForOther(item);
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toThrow("it waits for ONB-2 (todo)");
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  app.plane.editItem(other, { state: "Done" });
  await app.poll();
  expect(await setStatus({ status: "done", text: "Ready." })).toMatchObject({ status: "done" });
});

test("a task must be started before it is finished, a closed task stays closed, and another agent's is refused (reliability 20)", async () => {
  const { app, setStatus } = await createStatusTestApp();
  const requests = await app.recordRequests(async () => {
    const message = expect.stringContaining("belongs to Imhotep");
    await expect(setStatus({ status: "in_progress" }, "Thot")).rejects.toMatchObject({ code: "forbidden", message });
  });
  expect(requests).toEqual([]);
  await expect(setStatus({ status: "done", text: "x" })).rejects.toMatchObject({
    code: "conflict",
    message: "ONB-1 is todo, so it cannot be set to done. Set it to in_progress first.",
  });
  await setStatus({ status: "cancelled", text: "Nobody wants it." });
  await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({ code: "conflict" });
});

test("a blocked task has no holder, keeps its other labels, and the agent that blocked it can continue it", async () => {
  const { app, item, setStatus, readTexts } = await createStatusTestApp();
  app.plane.addLabel(app.onb, "chore");
  app.plane.editItem(item, { labels: ["chore"] });
  await app.poll();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  expect((await setStatus({ status: "blocked", text: "Which logo?" })).heldUntil).toBeUndefined();
  const labels = expect.arrayContaining(["blocked", "chore"]);
  expect(app.readPlaneItem(item)).toMatchObject({ state: "In Progress", labels });
  expect((await setStatus({ status: "in_progress" })).heldUntil).toEqual(expect.any(Number));
  expect(app.readPlaneItem(item).labels).not.toContain("blocked");
  expect(app.readPlaneItem(item).labels).toContain("chore");
  await app.runUntilIdle();
  expect(readTexts()).toEqual(["Imhotep: Started", "Imhotep: Blocked Which logo?", "Imhotep: Started"]);
});

test("an agent that did not block a task cannot unblock it, and which state stands for a status is set", async () => {
  const config = { states: { in_progress: ["Doing", "In Progress"], blocked: ["On hold"] } };
  const { app, item, setStatus } = await createStatusTestApp({ config });
  app.plane.addState(app.onb, { name: "On hold", group: "started" });
  app.plane.addState(app.onb, { name: "Doing", group: "unstarted" });
  app.plane.editItem(item, { state: "On hold" });
  await app.poll();
  const message = expect.stringContaining("somebody else blocked it");
  await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({ code: "conflict", message });
  expect(await setStatus({ status: "in_progress" }, "Ada")).toMatchObject({ status: "in_progress" });
  expect(app.readPlaneItem(item).state).toBe("Doing");
});

test("people move any task without a claim, of which the agent's next call tells; the Concierge only cancels and blocks", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  await setStatus({ status: "todo" }, "Ada");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Todo");
  const message = expect.stringContaining("the status of the task was changed in Plane");
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({ code: "conflict", message });
  await expect(setStatus({ status: "in_progress" }, "Concierge")).rejects.toMatchObject({ code: "forbidden" });
  expect(await setStatus({ status: "blocked", text: "Not yet." }, "Concierge")).toMatchObject({ status: "blocked" });
  expect(await setStatus({ status: "cancelled" }, "Concierge")).toMatchObject({ status: "cancelled" });
});

const FORBIDDEN = { status: 403, body: JSON.stringify({ detail: "You do not have permission." }) };
const INVALID = { status: 400, body: JSON.stringify({ state: ["Not valid."] }) };

/** The same with ONB-1 in progress; from `refuse` on Plane refuses Imhotep's requests of this kind for good. */
async function createStartedTask() {
  const task = await createStatusTestApp();
  const { app, setStatus } = task;
  const start = () => setStatus({ status: "in_progress" });
  await start();
  await app.runUntilIdle();
  return {
    ...{ ...task, start },
    refuse: (match: { method?: string; path: string }, fault = FORBIDDEN, owner = [app.getUser("Imhotep")]) =>
      app.plane.faults.add({ ...match, ...(owner[0] ? { owner: owner[0] } : {}) }, { kind: "status", ...fault }),
    finish: () => setStatus({ status: "done", text: "Ready." }),
    getFailures: () => app.actions.flatMap(({ event }) => (event.kind === "failed" ? [event] : [])),
  };
}

const REPORT = { task: "ONB-1", name: "a.pdf", file: new Blob(["%PDF-1.4"]) };

test.each<[string, string, string, (task: Awaited<ReturnType<typeof createStartedTask>>) => Promise<unknown>]>([
  ["status change", "work-items", "statusNotSet", ({ finish }) => finish()],
  ["comment", "comments", "commentNotPosted", ({ app }) => app.actAs("Imhotep").comment("ONB-1", { text: "Half" })],
  ["upload", "attachments", "fileNotAttached", ({ app }) => app.actAs("Imhotep").deliver(REPORT)],
])("OPENCLAW-15 a %s refused for good blocks", async (kind, path, code, run) => {
  const task = await createStartedTask();
  const { app, item } = task;
  const method = kind === "status change" ? "PATCH" : "POST";
  task.refuse({ method, path });
  // Groundcrew's own key is tried as well.
  if (kind === "upload") task.refuse({ method, path }, INVALID, []);
  await expect(run(task)).rejects.toThrow(/The task is blocked now.*Do not retry/);
  await app.runUntilIdle();
  expect((await app.readItem(item))?.snapshot.status).toBe("blocked");
  expect(task.getFailures()).toMatchObject([{ agent: "Imhotep", refusal: { name: code } }]);
  expect(app.readComments(item).filter((comment) => comment.includes("<strong>Blocked</strong>"))).toHaveLength(1);
  expect(app.logged).toContainEqual(expect.objectContaining({ level: "error", item: "ONB-1", agent: "Imhotep" }));
  app.plane.faults.clear();
  expect(await task.start()).toMatchObject({ status: "in_progress", heldUntil: expect.any(Number) });
  await run(task);
});

test("when Groundcrew may not block the task either, the human is notified once and the agent's call is refused with the reason", async () => {
  const { app, item, refuse, finish, getFailures } = await createStartedTask();
  refuse({ method: "PATCH", path: "work-items" }, FORBIDDEN, []);
  await expect(finish()).rejects.toMatchObject({ message: expect.stringContaining("could not be blocked") });
  await expect(finish()).rejects.toMatchObject({ code: "forbidden" });
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect(getFailures()).toHaveLength(1);
});
