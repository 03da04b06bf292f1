import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createRefusingApp(fault: { status: number; body: string }, forAll = false) {
  const crew = await createAgentTestApp();
  const item = crew.addTask("Write the guide", "Imhotep");
  await crew.runFirstPoll();
  await crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await crew.runUntilIdle();
  const whose = forAll ? {} : { owner: crew.getUser("Imhotep") };
  crew.plane.faults.add({ method: "PATCH", path: "work-items", ...whose }, { kind: "status", ...fault });
  const finish = () => crew.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Ready." });
  const getFailedEvents = () => crew.actions.filter(({ event }) => event.kind === "failed").map(({ event }) => event);
  const getFailureComments = () =>
    crew.readComments(item).filter((comment) => comment.includes("could not set it to done"));
  return { crew, item, finish, getFailedEvents, getFailureComments };
}

const FORBIDDEN = { status: 403, body: JSON.stringify({ detail: "You do not have permission." }) };
const INVALID = { status: 400, body: JSON.stringify({ state: ["Not valid."] }) };

test.each([
  ["forbids", FORBIDDEN, "forbidden"],
  ["finds invalid", INVALID, "conflict"],
])(
  "OPENCLAW-15 a status change that Plane %s is logged, reported to the human, and blocks the task with a comment",
  async (_, fault, code) => {
    const { crew, item, finish, getFailedEvents, getFailureComments } = await createRefusingApp(fault);
    await expect(finish()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/The task is blocked now.*Do not retry/),
    });
    await crew.runUntilIdle();
    expect((await crew.readItem(item))?.snapshot.word).toBe("blocked");
    expect(getFailedEvents()).toMatchObject([
      { agent: "Imhotep", text: expect.stringContaining("could not set it to done") },
    ]);
    expect(getFailureComments()).toHaveLength(1);
    expect(crew.logged).toContainEqual(expect.objectContaining({ level: "error", item: "ONB-1", agent: "Imhotep" }));
  },
);

test("a task blocked by a refused status change can be continued by its agent when Plane allows it", async () => {
  const { crew, finish } = await createRefusingApp(FORBIDDEN);
  await finish().catch(() => undefined);
  await crew.runUntilIdle();
  crew.plane.faults.clear();
  expect(await crew.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).toMatchObject({
    word: "in_progress",
    heldUntil: expect.any(Number),
  });
  expect(await finish()).toMatchObject({ word: "done" });
});

test("when Groundcrew may not block the task either, the human is notified once and the agent is told", async () => {
  const { crew, item, finish, getFailedEvents } = await createRefusingApp(FORBIDDEN, true);
  await expect(finish()).rejects.toMatchObject({ message: expect.stringContaining("could not be blocked") });
  await expect(finish()).rejects.toMatchObject({ code: "forbidden" });
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).state).toBe("In Progress");
  expect(getFailedEvents()).toHaveLength(1);
});

test("OPENCLAW-15 a transient failure is retried, and neither reported nor blocks the task", async () => {
  const { crew, finish, getFailedEvents } = await createRefusingApp(FORBIDDEN);
  crew.plane.faults.clear();
  crew.plane.faults.add({ method: "PATCH" }, { kind: "status", status: 503 }, 2);
  expect(await finish()).toMatchObject({ word: "done" });
  expect(getFailedEvents()).toEqual([]);
});

test("a status change whose answer was lost is found by reading, with one change and one comment", async () => {
  const { crew, item, finish } = await createRefusingApp(FORBIDDEN);
  crew.plane.faults.clear();
  crew.plane.faults.add({ method: "PATCH" }, { kind: "drop after" });
  await expect(finish()).rejects.toMatchObject({ code: "unavailable" });
  crew.plane.faults.clear();
  expect(await finish()).toMatchObject({ word: "done" });
  await crew.runUntilIdle();
  expect(crew.readComments(item).filter((comment) => comment.includes("<strong>Done</strong>"))).toHaveLength(1);
});

test("an interrupted status change that nobody repeats is completed by the tick", async () => {
  const { crew, item, finish } = await createRefusingApp(FORBIDDEN);
  crew.plane.faults.clear();
  crew.plane.faults.add(
    { method: "POST", path: "comments", owner: crew.getUser("Imhotep") },
    { kind: "status", status: 503 },
  );
  await expect(finish()).rejects.toMatchObject({ code: "unavailable" });
  crew.plane.faults.clear();
  crew.advance(180_000);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.readComments(item).filter((comment) => /^Imhotep: .*Done.*Ready/.test(comment))).toHaveLength(1);
});
