import { expect, test } from "vitest";
import { claimsTick } from "../../../../functions/work.ts";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { ensureClaim } from "../../../../shared/tasks/claims.ts";
import { findTask } from "../../../../shared/tasks/find-task.ts";
import { filterActionableTasks } from "../../../../shared/tasks/startable-tasks.ts";
import { DAY, HOUR, MINUTE } from "../../../../shared/time.ts";
import { createAgentTestApp, WORK_RULES } from "../../../support/agent-test-app.ts";
import { answerQuestion } from "../../../support/answer-request.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

async function createHeldTask(to: string | string[] = "Thot") {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const item = app.addTask("Write it down", to);
  await app.runFirstPoll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  await app.poll();
  app.takeEvents();
  /** Advances the clock minute by minute, each with its tick. */
  const advanceMinutes = async (n: number) => {
    for (let i = 0; i < n; i++) {
      app.advance(MINUTE);
      await claimsTick.run(app.deps);
      await app.drain();
    }
  };
  const holdNextTask = async (agent = "Thot") => {
    const acting = app.createContext(agent);
    return ensureClaim(acting, await findTask(acting, "ONB-1"));
  };
  await advanceMinutes(1);
  return { app, item, advanceMinutes, holdNextTask };
}

const getClaimLostEvents = (app: { actions: { event: { kind: string } }[] }) =>
  app.actions.map(({ event }) => event).filter(({ kind }) => kind === "claim_lost");

test("an agent without any call loses its claim after 15 minutes: the task returns to todo with a comment, and the human is notified", async () => {
  const { app, item, advanceMinutes, holdNextTask } = await createHeldTask();
  await advanceMinutes(13);
  expect(await findClaim(app.deps, item.id)).toBeDefined();
  await advanceMinutes(4);
  expect(app.readPlaneItem(item).state).toBe("Todo");
  expect(app.readComments(item)).toContainEqual(
    expect.stringMatching(/^Ada: <p><strong>Thot<\/strong> held this task from .* The claim has expired/),
  );
  expect(getClaimLostEvents(app)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
  await expect(holdNextTask()).rejects.toThrow("because no call renewed it for 15 minutes");
  await advanceMinutes(3);
  expect(app.readComments(item).filter((comment) => comment.includes("claim has expired"))).toHaveLength(1);
  expect(getClaimLostEvents(app)).toHaveLength(1);
});

test.each([HOUR, 3 * DAY])(
  "an agent that falls silent loses its claim after 15 minutes, also when the clock was set back by %i ms (reliability 9)",
  async (jump) => {
    const { app, item, advanceMinutes } = await createHeldTask();
    app.time.now -= jump;
    await advanceMinutes(1);
    expect((await findClaim(app.deps, item.id))?.until).toBe(app.time.now + CLAIM_MS);
    await advanceMinutes(13);
    expect(await findClaim(app.deps, item.id)).toBeDefined();
    await advanceMinutes(4);
    expect(await findClaim(app.deps, item.id)).toBeUndefined();
    expect(app.readPlaneItem(item).state).toBe("Todo");
    expect(getClaimLostEvents(app)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
  },
);

test("an agent that falls silent is also reported when Plane refuses to return its task to todo", async () => {
  const { app, item, advanceMinutes } = await createHeldTask();
  const body = JSON.stringify({ detail: "You do not have permission." });
  app.plane.faults.add({ method: "PATCH", path: "work-items" }, { kind: "status", status: 403, body });
  await advanceMinutes(20);
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect(getClaimLostEvents(app)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
  expect(app.logged).toContainEqual(expect.objectContaining({ level: "warn", item: "ONB-1" }));
});

test("an agent that waits for the human's answer without any call keeps its claim until the answer, for a day at most", async () => {
  const { app, item, advanceMinutes } = await createHeldTask();
  const { id } = await app.actAs("Thot").ask("ONB-1", { text: "Which colour?" });
  await advanceMinutes(120);
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot" });
  await answerQuestion(app.deps, id, { text: "Blue", by: "Ada" });
  await advanceMinutes(14);
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot" });
  await advanceMinutes(5);
  expect(await findClaim(app.deps, item.id)).toBeUndefined();

  await app.actAs("Thot").claim("ONB-1");
  await app.actAs("Thot").ask("ONB-1", { text: "And which shade of it?" });
  await advanceMinutes(24 * 60 + 20);
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
});

test("an agent that falls silent keeps its claim for 15 more minutes when Groundcrew itself was down", async () => {
  const { app, item, advanceMinutes, holdNextTask } = await createHeldTask();
  app.advance(60 * MINUTE);
  await app.restart();
  await advanceMinutes(1);
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  await expect(holdNextTask()).resolves.toMatchObject({ agent: "Thot" });
  await advanceMinutes(16);
  expect(app.readPlaneItem(item).state).toBe("Todo");
});

test.each([
  ["reassign it", "reassigned", (app, item) => app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] })],
  ["finish it", "moved", (app, item) => app.plane.editItem(item, { state: "Done" })],
  ["cancel it", "moved", (app, item) => app.plane.editItem(item, { state: "Cancelled" })],
  ["delete it", "moved", (app, item) => app.plane.deleteItem(item)],
] satisfies [string, string, (app: Awaited<ReturnType<typeof createAgentTestApp>>, item: { id: string }) => unknown][])(
  "an agent whose task people take away loses its claim at once when they %s, and is refused with the reason at its next call",
  async (_, why, take) => {
    const { app, item } = await createHeldTask();
    take(app, item);
    await app.poll();
    await app.runUntilIdle();
    expect(await findClaim(app.deps, item.id)).toBeUndefined();
    expect(getClaimLostEvents(app)).toEqual([expect.objectContaining({ agent: "Thot", why })]);
    expect(app.readComments(item).filter((comment) => comment.includes("claim has expired"))).toEqual([]);
  },
);

test("an agent whose task people take away loses its claim when they start the task for it and later return it to todo", async () => {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  await app.actAs("Thot").claim("ONB-1");
  for (const state of ["In Progress", "Backlog"]) {
    expect(await findClaim(app.deps, item.id)).toBeDefined();
    app.plane.editItem(item, { state });
    await app.poll();
    await claimsTick.run(app.deps);
  }
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
});

test("after the store was lost, a task in progress is held by the agent named on its card, which can continue", async () => {
  const { app, item, advanceMinutes, holdNextTask } = await createHeldTask();
  await app.restart({ store: "lost" });
  await app.poll();
  await advanceMinutes(1);
  await app.runUntilIdle();
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot" });
  await expect(holdNextTask()).resolves.toMatchObject({ agent: "Thot" });
  await advanceMinutes(17);
  expect(app.readPlaneItem(item).state).toBe("Todo");
});

test("after the store was lost, a task in progress without a holder on its card stays unchanged", async () => {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const item = app.addTask("By hand", "Thot", { state: "In Progress" });
  await app.runFirstPoll();
  await claimsTick.run(app.deps);
  await app.runUntilIdle();
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
});

test("a deleted project ends its claims, and its agents learn that the project was deleted", async () => {
  const { app, item, advanceMinutes } = await createHeldTask();
  app.plane.deleteProject(app.onb);
  await app.poll();
  await advanceMinutes(1);
  expect(await findClaim(app.deps, item.id)).toBeDefined();
  await app.poll();
  await advanceMinutes(3);
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  expect(getClaimLostEvents(app)).toEqual([expect.objectContaining({ agent: "Thot", why: "deleted" })]);
  await expect(app.actAs("Thot").setStatus("ONB-1", { status: "done" })).rejects.toMatchObject({
    code: "not_found",
    message: "ONB-1 cannot be read: the project was deleted in Plane. Take another task.",
  });
  expect(
    await filterActionableTasks(app.deps, "Thot", [{ id: item.id, key: "ONB-1", reason: "stopped" }]),
  ).toHaveLength(1);
});

test("a project that PLANE_PROJECTS no longer names is not called deleted", async () => {
  const { app, item } = await createHeldTask();
  const plane = app.deps.settings.plane;
  if (!plane) throw new Error("Plane is not set up.");
  Object.assign(plane, { projects: ["OPS"] });
  for (let i = 0; i < 3; i += 1) await app.poll();
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.not.toThrow("deleted in Plane. Take");
  expect(await findClaim(app.deps, item.id)).toBeDefined();
});
