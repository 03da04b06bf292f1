import { expect, test } from "vitest";
import { claimsTick } from "../../../../functions/work.ts";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { filterActionableTasks } from "../../../../shared/tasks/startable-tasks.ts";
import { DAY, HOUR, MINUTE } from "../../../../shared/time.ts";
import { type AgentTestApp, createAgentTaskApp, WORK_RULES } from "../../../support/agent-test-app.ts";
import { answerQuestion } from "../../../support/answer-request.ts";

/** A task of Thot and Imhotep that Thot has just started. */
async function createHeldTask(config: Record<string, unknown> = {}) {
  const { app, item } = await createAgentTaskApp(["Thot", "Imhotep"], { parts: WORK_RULES, config });
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  await app.poll();
  await claimsTick.run(app.deps);
  await app.actAs("Thot").report("ONB-1", {});
  return {
    app,
    item,
    /** Advances the clock minute by minute, each with its tick, as a running product does. */
    async advanceMinutes(n: number) {
      for (let i = 0; i < n; i++) {
        app.advance(MINUTE);
        await claimsTick.run(app.deps);
        await app.drain();
      }
    },
    callAgain: () => app.actAs("Thot").report("ONB-1", { text: "Going on" }),
    findHolder: async () => (await findClaim(app.deps, item.id))?.agent,
    getLosses: () => app.actions.flatMap(({ event }) => (event.kind === "claim_lost" ? [event] : [])),
  };
}

const EXPIRED = [expect.objectContaining({ agent: "Thot", why: "expired" })];

test.each([
  [{}, 15],
  [{ claim_minutes: 30 }, 30],
])("with %j a silent agent loses its claim after %i minutes: todo, a comment, and a notice", async (config, n) => {
  const { app, item, advanceMinutes, callAgain, getLosses } = await createHeldTask(config);
  await advanceMinutes(10);
  await callAgain();
  await advanceMinutes(n - 1);
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  await advanceMinutes(4);
  expect(app.readPlaneItem(item).state).toBe("Todo");
  const comments = app.readComments(item).filter((comment) => comment.includes("claim has expired"));
  expect(comments).toEqual([expect.stringMatching(/^Ada: <p><strong>Thot<\/strong> held this task from .*/)]);
  expect(comments[0]).toContain(`then showed no activity for ${n} minutes.`);
  expect(getLosses()).toEqual(EXPIRED);
  await expect(callAgain()).rejects.toThrow(`because no call renewed it for ${n} minutes`);
});

test.each([HOUR, 3 * DAY])("a silent agent loses its claim with the clock %i ms back (reliability 9)", async (jump) => {
  const { app, item, advanceMinutes, findHolder, getLosses } = await createHeldTask();
  app.time.now -= jump;
  await advanceMinutes(1);
  expect((await findClaim(app.deps, item.id))?.until).toBe(app.time.now + DEFAULT_CLAIM_MINUTES * MINUTE);
  await advanceMinutes(13);
  expect(await findHolder()).toBe("Thot");
  await advanceMinutes(4);
  expect([await findHolder(), app.readPlaneItem(item).state]).toEqual([undefined, "Todo"]);
  expect(getLosses()).toEqual(EXPIRED);
});

test("an agent that waits for the human's answer without any call keeps its claim until the answer, for a day at most", async () => {
  const { app, advanceMinutes, findHolder } = await createHeldTask();
  const { id } = await app.actAs("Thot").ask("ONB-1", { text: "Which colour?" });
  await advanceMinutes(60);
  expect(await findHolder()).toBe("Thot");
  await answerQuestion(app.deps, id, { text: "Blue", by: "Ada" });
  await advanceMinutes(14);
  expect(await findHolder()).toBe("Thot");
  await advanceMinutes(5);
  expect(await findHolder()).toBeUndefined();
  await app.actAs("Thot").claim("ONB-1");
  await app.actAs("Thot").ask("ONB-1", { text: "And which shade of it?" });
  app.advance(DAY);
  await advanceMinutes(20);
  expect(await findHolder()).toBeUndefined();
});

test.each<[string, string, (app: AgentTestApp, item: { id: string }) => unknown]>([
  ["reassign it", "reassigned", (app, item) => app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] })],
  ["finish it", "moved", (app, item) => app.plane.editItem(item, { state: "Done" })],
  ["return it", "moved", (app, item) => app.plane.editItem(item, { state: "Backlog" })],
  ["delete it", "moved", (app, item) => app.plane.deleteItem(item)],
])("an agent loses its claim at once when people take its task away and %s", async (_, why, take) => {
  const { app, item, findHolder, getLosses } = await createHeldTask();
  take(app, item);
  await app.poll();
  await claimsTick.run(app.deps);
  await app.runUntilIdle();
  expect(await findHolder()).toBeUndefined();
  expect(getLosses()).toEqual([expect.objectContaining({ agent: "Thot", why })]);
  expect(app.readComments(item).filter((comment) => comment.includes("claim has expired"))).toEqual([]);
});

test("after the store was lost, a task in progress is held by the agent named on its card, and one without a card stays unchanged", async () => {
  const { app, item, advanceMinutes, callAgain, findHolder } = await createHeldTask();
  const byHand = app.addTask("By hand", "Thot", { state: "In Progress" });
  await app.restart({ store: "lost" });
  await app.poll();
  await advanceMinutes(1);
  await app.runUntilIdle();
  expect(await findHolder()).toBe("Thot");
  await callAgain();
  await advanceMinutes(17);
  expect([item, byHand].map((one) => app.readPlaneItem(one).state)).toEqual(["Todo", "In Progress"]);
});

test("a deleted project ends its claims, and its agents learn that the project was deleted, unlike one that is only not observed any more", async () => {
  const { app, item, advanceMinutes, findHolder, getLosses } = await createHeldTask();
  const { plane } = app.deps.settings;
  Object.assign(plane ?? {}, { projects: ["OPS"] });
  for (let i = 0; i < 3; i += 1) await app.poll();
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.not.toThrow("deleted in Plane. Take");
  expect(await findHolder()).toBe("Thot");
  Object.assign(plane ?? {}, { projects: undefined });
  await app.poll();
  app.plane.deleteProject(app.onb);
  await app.poll();
  await app.poll();
  await advanceMinutes(3);
  expect(await findHolder()).toBeUndefined();
  expect(getLosses()).toEqual([expect.objectContaining({ agent: "Thot", why: "deleted" })]);
  await expect(app.actAs("Thot").setStatus("ONB-1", { status: "done" })).rejects.toMatchObject({
    code: "not_found",
    message: "ONB-1 cannot be read: the project was deleted in Plane. Take another task.",
  });
  const tasks = [{ id: item.id, key: "ONB-1", reason: "stopped" } as const];
  expect(await filterActionableTasks(app.deps, "Thot", tasks)).toHaveLength(1);
});

const toIsoTime = (at: number) => new Date(at).toISOString().replace(".000Z", "Z");

test("claiming a task is refused while another of its agents holds it, and takes it over after the claim expired, which the other's next call says", async () => {
  const { app } = await createAgentTaskApp(["Thot", "Imhotep"]);
  const claim = (agent = "Thot") => app.actAs(agent).claim("ONB-1");
  const report = () => app.actAs("Thot").report("ONB-1", {});
  const { since, until } = await claim();
  app.advance(MINUTE);
  await expect(claim("Imhotep")).rejects.toMatchObject({
    code: "conflict",
    message: `ONB-1 is held by Thot since ${toIsoTime(since)}, until ${toIsoTime(until)} unless renewed. Take another task; do not retry.`,
  });
  app.advance(DEFAULT_CLAIM_MINUTES * MINUTE);
  expect(await claim("Imhotep")).toMatchObject({ agent: "Imhotep" });
  await expect(report()).rejects.toThrow("the claim expired");
  await expect(report()).rejects.toThrow("ONB-1 is held by Imhotep");
});
