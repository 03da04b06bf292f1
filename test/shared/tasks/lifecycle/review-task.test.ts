import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work.ts";
import { readFinishedTasks } from "../../../../shared/accounting/history.ts";
import { toProcedurePut } from "../../../../shared/procedure/procedure.ts";
import { findStatusAttempt } from "../../../../shared/records/task-records.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { judgeReview } from "../../../../shared/tasks/lifecycle/reviews.ts";
import { STATUS_CHANGE } from "../../../../shared/tasks/lifecycle/status-change.ts";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

async function createTaskInReview(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const parts = {
    ruleSets: ({ agents }: { agents: Parameters<typeof createWorkRules>[0] }) => [createWorkRules(agents)],
  };
  const app = await createAgentTestApp({ parts, ...options });
  const item = app.addTask("Write the guide", "Imhotep");
  const next = app.addTask(
    "Print it",
    "Thot",
    options.version === "1.2.2" ? { description_html: "<p>Blocked by: ONB-1</p>" } : {},
  );
  if (options.version !== "1.2.2") app.plane.relate(next, item);
  await app.runFirstPoll();
  await app.runUntilIdle();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const now = await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
  await app.runUntilIdle();
  app.takeEvents();
  const task = async () => {
    const stored = await findStoredTask(app.deps, item.id);
    if (!stored) throw new Error("not kept");
    return stored;
  };
  const count = (part: string) => app.readComments(item).filter((comment) => comment.includes(part)).length;
  return { app, item, next, now, task, count };
}

test.each(VERSIONS)(
  "OPENCLAW-12 low confidence requests a review instead of finishing the task (Plane %s)",
  async (version) => {
    const { app, item, now, count } = await createTaskInReview({ version });
    expect(now).toMatchObject({ status: "in_progress", inReview: true });
    expect(now.heldUntil).toBeUndefined();
    expect(app.readPlaneItem(item)).toMatchObject({
      state: "In Progress",
      labels: expect.arrayContaining(["review"]),
    });
    expect(count("waiting for review</strong>: confidence 0.5, below 0.7")).toBe(1);
    const asked = app.actions.filter(({ event }) => event.kind === "review");
    expect(asked.map(({ event }) => event)).toEqual([
      { kind: "review", request: expect.any(String), agent: "Imhotep", confidence: 0.5, text: "Perhaps." },
    ]);
  },
);

test("sufficient or missing confidence finishes a task at once, with the limit from the settings", async () => {
  const app = await createAgentTestApp({ config: { done: { review_below: 0.9 } } });
  app.addTask("One", "Imhotep");
  app.addTask("Two", "Imhotep");
  await app.runFirstPoll();
  for (const key of ["ONB-1", "ONB-2"]) await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
  const work = () => app.actAs("Imhotep");
  expect(await work().setStatus("ONB-1", { status: "done", text: "x", confidence: 0.9 })).toMatchObject({
    status: "done",
  });
  expect(await work().setStatus("ONB-2", { status: "done", text: "x" })).toMatchObject({ inReview: true });
});

test("repeating the call on a task in review reports the review, other changes are refused, and the review does not expire", async () => {
  const { app, item } = await createTaskInReview();
  const asked = await app.recordRequests(async () => {
    const again = app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
    expect(await again).toMatchObject({ status: "in_progress", inReview: true });
  });
  expect(asked).toEqual([]);
  await expect(app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("waits for a human's review"),
  });
  app.advance(3_600_000);
  await app.poll();
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
});

test("an approved review removes the label, finishes the task and counts for its agent", async () => {
  const { app, item, task, count } = await createTaskInReview();
  await judgeReview(app.createContext("Ada"), await task(), "approve");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(app.readPlaneItem(item).labels).not.toContain("review");
  expect(count("<strong>Approved</strong> by Ada")).toBe(1);
  expect(await readFinishedTasks(app.deps, "Imhotep")).toMatchObject([{ task: "ONB-1", confidence: 0.5 }]);
  expect(app.takeEvents()).toContain("ONB-1 completed");
  await expect(judgeReview(app.createContext("Ada"), await task(), "approve")).rejects.toMatchObject({
    code: "conflict",
  });
});

test("a human who sets a task in review to todo sends it back, and its agent can finish it again", async () => {
  const { app, item, count } = await createTaskInReview();
  await app.actAs("Ada").setStatus("ONB-1", { status: "todo", text: "Too short." });
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Todo");
  expect(count("<strong>Sent back</strong> by Ada</p><p>Too short.")).toBe(1);
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  // The confidence before the review does not apply to the work done since.
  const again = await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Longer." });
  expect(again).toMatchObject({ status: "done", inReview: false });
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("a human who sets a task in review to done approves it", async () => {
  const { app, item, count } = await createTaskInReview();
  expect(await app.actAs("Ada").setStatus("ONB-1", { status: "done" })).toMatchObject({ status: "done" });
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(count("<strong>Approved</strong> by Ada")).toBe(1);
});

test("a task sent back from review loses the label, returns to todo, and its agent gets the reason", async () => {
  const { app, item, task } = await createTaskInReview();
  await judgeReview(app.createContext("Ada"), await task(), "send_back", "Too <short>.");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Todo" });
  expect(app.readPlaneItem(item).labels).not.toContain("review");
  const sentBackEvents = app.actions.filter(({ event }) => event.kind === "sent_back");
  expect(sentBackEvents.map(({ event }) => event)).toEqual([
    { kind: "sent_back", agent: "Imhotep", by: "Ada", reason: "Too <short>." },
  ]);
  expect(app.readComments(item).join()).not.toContain("<short>");
});

test("only humans give a verdict on a review", async () => {
  const { app, task } = await createTaskInReview();
  await expect(judgeReview(app.createContext("Imhotep"), await task(), "approve")).rejects.toMatchObject({
    code: "forbidden",
  });
  await expect(judgeReview(app.createContext("Concierge"), await task(), "send_back")).rejects.toMatchObject({
    code: "forbidden",
  });
});

test("a person who removes the review label in Plane sends the task back once", async () => {
  const { app, item } = await createTaskInReview();
  app.plane.editItem(item, { labels: ["agent:Imhotep"] });
  app.dropWebhooks();
  await app.poll();
  await app.runUntilIdle();
  await app.poll();
  await app.runUntilIdle();
  const sentBackEvents = app.actions.filter(({ event }) => event.kind === "sent_back");
  expect(sentBackEvents.map(({ event }) => event)).toEqual([
    { kind: "sent_back", agent: "Imhotep", by: null, reason: null },
  ]);
  expect(await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).toMatchObject({
    heldUntil: expect.any(Number),
  });
});

test("after a person removed the review label in Plane, the confidence before the review no longer applies", async () => {
  const { app, item } = await createTaskInReview();
  app.plane.editItem(item, { labels: ["agent:Imhotep"] });
  await app.poll();
  await app.runUntilIdle();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  const again = await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Longer." });
  expect(again).toMatchObject({ status: "done", inReview: false });
});

test("a person who finishes a task in review in Plane approves it, and the label is removed", async () => {
  const { app, item } = await createTaskInReview();
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).labels).not.toContain("review");
  expect(await readFinishedTasks(app.deps, "Imhotep")).toMatchObject([{ task: "ONB-1" }]);
  expect(app.actions.filter(({ event }) => event.kind === "sent_back")).toEqual([]);
});

test("after the store is lost no review is requested again, and removing the label still sends the task back", async () => {
  const { app, item } = await createTaskInReview();
  const before = app.actions.length;
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  await app.poll();
  await app.runUntilIdle();
  expect(app.actions.slice(before).filter(({ event }) => event.kind === "review")).toEqual([]);
  app.plane.editItem(item, { labels: ["agent:Imhotep"] });
  await app.poll();
  await app.runUntilIdle();
  expect(app.actions.filter(({ event }) => event.kind === "sent_back")).toHaveLength(1);
});

test.each(VERSIONS)("OPENCLAW-18 dependants wait for the review of their blocker (Plane %s)", async (version) => {
  const { app } = await createTaskInReview({ version });
  await expect(app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
  });
});

test.each(VERSIONS)(
  "OPENCLAW-18 dependants start before the review of their blocker if the settings allow it (Plane %s)",
  async (version) => {
    const { app, task } = await createTaskInReview({ version, config: { done: { dependants_wait: false } } });
    expect(await app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).toMatchObject({
      status: "in_progress",
    });
    await judgeReview(app.createContext("Ada"), await task(), "send_back", "No.");
    await app.runUntilIdle();
    await expect(app.actAs("Thot").setStatus("ONB-2", { status: "done", text: "x" })).rejects.toMatchObject({
      message: expect.stringContaining("it waits for ONB-1"),
    });
  },
);

test("a review that was decided is not requested again when its interrupted change is resumed", async () => {
  const { app, item, task } = await createTaskInReview();
  const attempt = await findStatusAttempt(app.deps, item.id);
  if (!attempt) throw new Error("not kept");
  // As after a process that ended right before the last step of the change.
  await app.deps.store.commit({ put: [toProcedurePut(STATUS_CHANGE, attempt, attempt.at)] });
  await judgeReview(app.createContext("Ada"), await task(), "send_back", "Too short.");
  await app.runUntilIdle();
  app.plane.editItem(item, { labels: ["agent:Imhotep", "review"] });
  app.advance(180_000);
  await app.poll();
  await app.runUntilIdle();
  expect(app.actions.filter(({ event }) => event.kind === "review")).toHaveLength(1);
  expect(await findStatusAttempt(app.deps, item.id)).not.toHaveProperty("step");
});

test("a task in review can be neither claimed nor timed", async () => {
  const { app } = await createTaskInReview();
  const refused = { code: "conflict", message: expect.stringContaining("waits for a human's review") };
  await expect(app.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject(refused);
  await expect(app.actAs("Imhotep").startTimer("ONB-1")).rejects.toMatchObject(refused);
});

test("setting a finished task to done again with a lower confidence does not change its agent card", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write the guide", "Imhotep");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Done.", confidence: 0.9 });
  await app.runUntilIdle();
  const before = app.readComments(item);
  expect(before.join()).toContain("0.9");
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", confidence: 0.2 });
  await app.runUntilIdle();
  expect(app.readComments(item)).toEqual(before);
});
