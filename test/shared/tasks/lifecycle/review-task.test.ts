import { expect, test } from "vitest";
import { readFinishedTasks } from "../../../../shared/accounting/history.ts";
import { decideRequest, readOpenRequests } from "../../../../shared/requests/requests.ts";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createAgentTestApp, WORK_RULES } from "../../../support/agent-test-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

async function createTaskInReview(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ parts: WORK_RULES, ...options });
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
  /** Answers the review as Ada. */
  const judge = async (answer: string, comment = "") => {
    const [{ id = "", hash = "" } = {}] = await readOpenRequests(app.deps, "review");
    return decideRequest(app.deps, id, { answer, comment, hash, by: "Ada", where: "api" }, "test");
  };
  const count = (part: string) => app.readComments(item).filter((comment) => comment.includes(part)).length;
  return { app, item, next, now, judge, count };
}

test.each(VERSIONS)(
  "OPENCLAW-12 OPENCLAW-18 low confidence requests a review instead of finishing the task, and dependants wait for it (Plane %s)",
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
    await expect(app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).rejects.toMatchObject({
      code: "conflict",
    });
  },
);

test("repeating the call on a task in review reports the review, other changes are refused, and the review does not expire", async () => {
  const { app, item } = await createTaskInReview();
  const asked = await app.recordRequests(async () => {
    const again = app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
    expect(await again).toMatchObject({ status: "in_progress", inReview: true });
  });
  expect(asked).toEqual([]);
  const { claim, setStatus, startTimer } = app.actAs("Imhotep");
  for (const refused of [claim("ONB-1"), startTimer("ONB-1"), setStatus("ONB-1", { status: "in_progress" })])
    await expect(refused).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for a human's review"),
    });
  app.advance(3_600_000);
  await app.poll();
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
});

test("an approved review removes the label, finishes the task and counts for its agent", async () => {
  const { app, item, judge, count } = await createTaskInReview();
  await judge("approve");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(app.readPlaneItem(item).labels).not.toContain("review");
  expect(count("<strong>Approved</strong> by Ada")).toBe(1);
  expect(await readFinishedTasks(app.deps, "Imhotep")).toMatchObject([{ task: "ONB-1", confidence: 0.5 }]);
  expect(app.takeEvents()).toContain("ONB-1 completed");
  await expect(judge("approve")).rejects.toMatchObject({ code: "not_found" });
});

test.each(["done", "todo", "in_progress"] as const)(
  "a task in review is not set to %s, not even by a person: what was shown is judged instead",
  async (status) => {
    const { app, item } = await createTaskInReview();
    await expect(app.actAs("Ada").setStatus("ONB-1", { status })).rejects.toMatchObject({
      code: "conflict",
      message: "ONB-1 is in review. Approve it, or send it back.",
    });
    expect(app.readPlaneItem(item)).toMatchObject({ state: "In Progress", labels: expect.arrayContaining(["review"]) });
  },
);

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

test.each(VERSIONS)(
  "OPENCLAW-18 dependants start before the review of their blocker if the settings allow it (Plane %s)",
  async (version) => {
    const { app, judge } = await createTaskInReview({ version, config: { done: { dependants_wait: false } } });
    expect(await app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).toMatchObject({
      status: "in_progress",
    });
    await judge("send_back", "No.");
    await app.runUntilIdle();
    await expect(app.actAs("Thot").setStatus("ONB-2", { status: "done", text: "x" })).rejects.toMatchObject({
      message: expect.stringContaining("it waits for ONB-1"),
    });
  },
);
