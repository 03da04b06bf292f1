import { expect, test } from "vitest";
import { readFinishedTasks } from "../../../../shared/accounting/history.ts";
import { decideRequest, readOpenRequests } from "../../../../shared/requests/requests.ts";
import { type AgentTestAppOptions, createAgentTestApp, WORK_RULES } from "../../../support/agent-test-app.ts";

/** ONB-1 of Imhotep in review, and ONB-2 of Thot that waits for it. */
async function createTaskInReview(options: AgentTestAppOptions = {}) {
  const app = await createAgentTestApp({ parts: WORK_RULES, ...options });
  const item = app.addTask("Write the guide", "Imhotep");
  const isOld = options.version === "1.2.2";
  const next = app.addTask("Print it", "Thot", isOld ? { description_html: "<p>Blocked by: ONB-1</p>" } : {});
  if (!isOld) app.plane.relate(next, item);
  await app.runFirstPoll();
  await app.runUntilIdle();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const now = await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
  await app.runUntilIdle();
  app.takeEvents();
  return {
    ...{ app, item, now },
    /** Answers the review as Ada. */
    async judge(answer: string, comment = "") {
      const [{ id = "", hash = "" } = {}] = await readOpenRequests(app.deps, "review");
      return decideRequest(app.deps, id, { answer, comment, hash, by: "Ada", where: "api" }, "test");
    },
    count: (part: string) => app.readComments(item).filter((comment) => comment.includes(part)).length,
    getEvents: (kind: string) => app.actions.flatMap(({ event }) => (event.kind === kind ? [event] : [])),
    /** A person edits the task in Plane. */
    async edit(change: Parameters<typeof app.plane.editItem>[1]) {
      app.plane.editItem(item, change);
      await app.pollUntilIdle();
    },
  };
}

test("OPENCLAW-12 OPENCLAW-18 low confidence requests a review instead of finishing the task, and dependants wait for it", async () => {
  const { app, item, now, count, getEvents } = await createTaskInReview();
  expect(now).toMatchObject({ status: "in_progress", inReview: true });
  expect(now.heldUntil).toBeUndefined();
  const labels = expect.arrayContaining(["review"]);
  expect(app.readPlaneItem(item)).toMatchObject({ state: "In Progress", labels });
  expect(count("waiting for review</strong>: confidence 0.5, below 0.7")).toBe(1);
  const asked = { kind: "review", request: expect.any(String), agent: "Imhotep", confidence: 0.5, text: "Perhaps." };
  expect(getEvents("review")).toEqual([asked]);
  const starting = app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" });
  await expect(starting).rejects.toMatchObject({ code: "conflict" });
});

test("repeating the call on a task in review reports the review, other changes are refused, people's as well, and the review does not expire", async () => {
  const { app, item } = await createTaskInReview();
  const asked = await app.recordRequests(async () => {
    const again = app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
    expect(await again).toMatchObject({ status: "in_progress", inReview: true });
  });
  expect(asked).toEqual([]);
  const { claim, setStatus, startTimer } = app.actAs("Imhotep");
  const message = expect.stringContaining("waits for a human's review");
  for (const refused of [claim("ONB-1"), startTimer("ONB-1"), setStatus("ONB-1", { status: "in_progress" })])
    await expect(refused).rejects.toMatchObject({ code: "conflict", message });
  for (const status of ["done", "todo", "in_progress"] as const)
    await expect(app.actAs("Ada").setStatus("ONB-1", { status })).rejects.toMatchObject({
      code: "conflict",
      message: "ONB-1 is in review. Approve it, or send it back.",
    });
  app.advance(3_600_000);
  await app.pollUntilIdle();
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

test("a person who removes the review label in Plane sends the task back, also after the store was lost, and the confidence before no longer applies", async () => {
  const { app, edit, getEvents } = await createTaskInReview();
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  await app.pollUntilIdle();
  expect(getEvents("review")).toHaveLength(1);
  await edit({ labels: ["agent:Imhotep"] });
  expect(getEvents("sent_back")).toHaveLength(1);
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  const again = await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Longer." });
  expect(again).toMatchObject({ status: "done", inReview: false });
});

test.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-18 on Plane %s dependants need not wait", async (version) => {
  const { app, judge } = await createTaskInReview({ version, config: { done: { dependants_wait: false } } });
  const started = await app.actAs("Thot").setStatus("ONB-2", { status: "in_progress" });
  expect(started).toMatchObject({ status: "in_progress" });
  await judge("send_back", "No.");
  await app.runUntilIdle();
  const finishing = app.actAs("Thot").setStatus("ONB-2", { status: "done", text: "x" });
  await expect(finishing).rejects.toThrow("it waits for ONB-1");
});
