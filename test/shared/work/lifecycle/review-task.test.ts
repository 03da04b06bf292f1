import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work/work-rules.ts";
import { approveReview, sendBackReview } from "../../../../shared/work/lifecycle/review-task.ts";
import { findKeptTask } from "../../../../shared/work/tasks/find-task.ts";
import { readFinishedTasks } from "../../../../shared/work/time/finished-tasks.ts";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

async function createTaskInReview(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const parts = {
    ruleSets: ({ agents }: { agents: Parameters<typeof createWorkRules>[0] }) => [createWorkRules(agents)],
  };
  const crew = await createAgentTestApp({ parts, ...options });
  const item = crew.addTask("Write the guide", "Imhotep");
  const next = crew.addTask(
    "Print it",
    "Thot",
    options.version === "1.2.2" ? { description_html: "<p>Blocked by: ONB-1</p>" } : {},
  );
  if (options.version !== "1.2.2") crew.plane.relate(next, item);
  await crew.runFirstPoll();
  await crew.runUntilIdle();
  await crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await crew.runUntilIdle();
  const now = await crew.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
  await crew.runUntilIdle();
  crew.takeEvents();
  const task = async () => {
    const kept = await findKeptTask(crew.deps, item.id);
    if (!kept) throw new Error("not kept");
    return kept;
  };
  const count = (part: string) => crew.readComments(item).filter((comment) => comment.includes(part)).length;
  return { crew, item, next, now, task, count };
}

test.each(VERSIONS)("OPENCLAW-12 on Plane %s low confidence asks the human instead of finishing", async (version) => {
  const { crew, item, now, count } = await createTaskInReview({ version });
  expect(now).toMatchObject({ word: "in_progress", inReview: true });
  expect(now.heldUntil).toBeUndefined();
  expect(crew.readPlaneItem(item)).toMatchObject({ state: "In Progress", labels: expect.arrayContaining(["review"]) });
  expect(count("waiting for review</strong>: confidence 0.5, below 0.7")).toBe(1);
  const asked = crew.actions.filter(({ event }) => event.kind === "review");
  expect(asked.map(({ event }) => event)).toEqual([
    { kind: "review", agent: "Imhotep", confidence: 0.5, text: "Perhaps." },
  ]);
});

test("a confidence as high as asked for, or none, finishes at once; the settings say how high", async () => {
  const crew = await createAgentTestApp({ config: { done: { review_below: 0.9 } } });
  crew.addTask("One", "Imhotep");
  crew.addTask("Two", "Imhotep");
  await crew.runFirstPoll();
  for (const key of ["ONB-1", "ONB-2"]) await crew.actAs("Imhotep").setStatus(key, { status: "in_progress" });
  const work = () => crew.actAs("Imhotep");
  expect(await work().setStatus("ONB-1", { status: "done", text: "x", confidence: 0.9 })).toMatchObject({
    word: "done",
  });
  expect(await work().setStatus("ONB-2", { status: "done", text: "x" })).toMatchObject({ inReview: true });
});

test("who waits for a review is not worked on: the same call says so, others are refused, its time does not run out", async () => {
  const { crew, item } = await createTaskInReview();
  const asked = await crew.recordRequests(async () => {
    const again = crew.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Perhaps.", confidence: 0.5 });
    expect(await again).toMatchObject({ word: "in_progress", inReview: true });
  });
  expect(asked).toEqual([]);
  await expect(crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("waits for a human's review"),
  });
  crew.advance(3_600_000);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).state).toBe("In Progress");
});

test("approved: the label goes, the task is done, and it counts for its agent", async () => {
  const { crew, item, task, count } = await createTaskInReview();
  await approveReview(crew.createContext("Ada"), await task());
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).state).toBe("Done");
  expect(crew.readPlaneItem(item).labels).not.toContain("review");
  expect(count("<strong>Approved</strong> by Ada")).toBe(1);
  expect(await readFinishedTasks(crew.deps, "Imhotep")).toMatchObject([{ task: "ONB-1", confidence: 0.5 }]);
  expect(crew.takeEvents()).toContain("ONB-1 completed");
  await expect(approveReview(crew.createContext("Ada"), await task())).rejects.toMatchObject({ code: "conflict" });
});

test("the human who sets it to todo sends it back, and what its agent does then counts anew", async () => {
  const { crew, item, count } = await createTaskInReview();
  await crew.actAs("Ada").setStatus("ONB-1", { status: "todo", text: "Too short." });
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).state).toBe("Todo");
  expect(count("<strong>Sent back</strong> by Ada</p><p>Too short.")).toBe(1);
  await crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  // What was doubted before says nothing of what was done since.
  const again = await crew.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Longer." });
  expect(again).toMatchObject({ word: "done", inReview: false });
  expect(crew.readPlaneItem(item).state).toBe("Done");
});

test("the human who sets it to done approves it", async () => {
  const { crew, item, count } = await createTaskInReview();
  expect(await crew.actAs("Ada").setStatus("ONB-1", { status: "done" })).toMatchObject({ word: "done" });
  expect(crew.readPlaneItem(item).state).toBe("Done");
  expect(count("<strong>Approved</strong> by Ada")).toBe(1);
});

test("sent back: the label goes, the task is todo, and its agent hears why", async () => {
  const { crew, item, task } = await createTaskInReview();
  await sendBackReview(crew.createContext("Ada"), await task(), "Too <short>.");
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item)).toMatchObject({ state: "Todo" });
  expect(crew.readPlaneItem(item).labels).not.toContain("review");
  const told = crew.actions.filter(({ event }) => event.kind === "sent_back");
  expect(told.map(({ event }) => event)).toEqual([
    { kind: "sent_back", agent: "Imhotep", by: "Ada", reason: "Too <short>." },
  ]);
  expect(crew.readComments(item).join()).not.toContain("<short>");
});

test("only people judge", async () => {
  const { crew, task } = await createTaskInReview();
  await expect(approveReview(crew.createContext("Imhotep"), await task())).rejects.toMatchObject({ code: "forbidden" });
  await expect(sendBackReview(crew.createContext("Concierge"), await task(), "")).rejects.toMatchObject({
    code: "forbidden",
  });
});

test("a person who takes the label off in Plane sends it back, once", async () => {
  const { crew, item } = await createTaskInReview();
  crew.plane.editItem(item, { labels: ["agent:Imhotep"] });
  crew.dropWebhooks();
  await crew.poll();
  await crew.runUntilIdle();
  await crew.poll();
  await crew.runUntilIdle();
  const told = crew.actions.filter(({ event }) => event.kind === "sent_back");
  expect(told.map(({ event }) => event)).toEqual([{ kind: "sent_back", agent: "Imhotep", by: null, reason: null }]);
  expect(await crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).toMatchObject({
    heldUntil: expect.any(Number),
  });
});

test("a person who finishes it in Plane approves it: the label goes", async () => {
  const { crew, item } = await createTaskInReview();
  crew.plane.editItem(item, { state: "Done" });
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).labels).not.toContain("review");
  expect(await readFinishedTasks(crew.deps, "Imhotep")).toMatchObject([{ task: "ONB-1" }]);
  expect(crew.actions.filter(({ event }) => event.kind === "sent_back")).toEqual([]);
});

test("after the store is lost nothing is asked again, and taking the label off still sends it back", async () => {
  const { crew, item } = await createTaskInReview();
  const before = crew.actions.length;
  await crew.restart({ store: "lost" });
  await crew.runFirstPoll();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.actions.slice(before).filter(({ event }) => event.kind === "review")).toEqual([]);
  crew.plane.editItem(item, { labels: ["agent:Imhotep"] });
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.actions.filter(({ event }) => event.kind === "sent_back")).toHaveLength(1);
});

test.each(VERSIONS)("OPENCLAW-18 on Plane %s those who wait for it wait for the review too", async (version) => {
  const { crew } = await createTaskInReview({ version });
  await expect(crew.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
  });
});

test.each(VERSIONS)("OPENCLAW-18 on Plane %s unless the settings let them start", async (version) => {
  const { crew, task } = await createTaskInReview({ version, config: { done: { dependants_wait: false } } });
  expect(await crew.actAs("Thot").setStatus("ONB-2", { status: "in_progress" })).toMatchObject({ word: "in_progress" });
  await sendBackReview(crew.createContext("Ada"), await task(), "No.");
  await crew.runUntilIdle();
  await expect(crew.actAs("Thot").setStatus("ONB-2", { status: "done", text: "x" })).rejects.toMatchObject({
    message: expect.stringContaining("it waits for ONB-1"),
  });
});

test("nobody holds what waits for a review: neither a claim nor a timer begins on it", async () => {
  const { crew } = await createTaskInReview();
  const refused = { code: "conflict", message: expect.stringContaining("waits for a human's review") };
  await expect(crew.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject(refused);
  await expect(crew.actAs("Imhotep").startTimer("ONB-1")).rejects.toMatchObject(refused);
});
