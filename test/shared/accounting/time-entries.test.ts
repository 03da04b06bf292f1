import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { findClaim } from "../../../shared/records/claim-record.ts";
import { endClaim } from "../../../shared/tasks/claim-lease.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { MINUTE } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

async function createAppWithTask() {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  return { app, item };
}

async function releaseClaim(app: Pick<AgentTestApp, "deps">, item: { id: string }) {
  const claim = await findClaim(app.deps, item.id);
  if (claim) await endClaim(app.deps, claim, undefined, "test");
}

test("A timer (OPENCLAW-06) claims the task, and its time is listed and summed up", async () => {
  const { app, item } = await createAppWithTask();
  const started = await app.actAs("Thot").startTimer("ONB-1");
  expect(started).toMatchObject({ key: "ONB-1", already: false, spent: 0 });
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot" });
  app.advance(5 * MINUTE);
  expect((await readTaskTimes(app.deps, item.id)).totals).toEqual({ Thot: 5 * MINUTE });
  const stopped = await app.actAs("Thot").stopTimer("ONB-1");
  expect(stopped).toMatchObject({ stopped: true, from: started.since, to: started.since + 5 * MINUTE });
  app.advance(MINUTE);
  expect(await readTaskTimes(app.deps, item.id)).toEqual({
    entries: [{ agent: "Thot", from: started.since, to: started.since + 5 * MINUTE, ms: 5 * MINUTE }],
    carried: {},
    totals: { Thot: 5 * MINUTE },
    spent: 5 * MINUTE,
    stopped: { Thot: 5 * MINUTE },
    running: [],
  });
});

test.each(["first", "after the claims were looked at"])(
  "A timer (OPENCLAW-06) continues while Groundcrew itself is down and stops when its agent stops it (%s)",
  async (when) => {
    const { app, item } = await createAppWithTask();
    await expireClaims(app.deps, "test");
    const { since } = await app.actAs("Thot").startTimer("ONB-1");
    app.advance(40 * MINUTE);
    await app.restart();
    if (when !== "first") await expireClaims(app.deps, "test");
    expect(await app.actAs("Thot").stopTimer("ONB-1")).toMatchObject({ stopped: true, from: since });
    const { entries, totals } = await readTaskTimes(app.deps, item.id);
    expect(entries).toHaveLength(1);
    expect(totals["Thot"]).toBeGreaterThanOrEqual(40 * MINUTE);
    app.advance(MINUTE);
    expect((await readTaskTimes(app.deps, item.id)).totals).toEqual(totals);
  },
);

test("A timer (OPENCLAW-06) started concurrently runs once", async () => {
  const { app, item } = await createAppWithTask();
  await Promise.all(Array.from({ length: 8 }, () => app.actAs("Thot").startTimer("ONB-1")));
  expect((await readTaskTimes(app.deps, item.id)).entries).toHaveLength(1);
});

test("A timer (OPENCLAW-06) that is not running cannot be stopped, and the answer has a note", async () => {
  const { app } = await createAppWithTask();
  expect(await app.actAs("Thot").stopTimer("ONB-1")).toEqual({ key: "ONB-1", stopped: false, spent: 0 });
  await app.actAs("Thot").startTimer("ONB-1");
  app.advance(MINUTE);
  const { from, to } = await app.actAs("Thot").stopTimer("ONB-1");
  expect(await app.actAs("Thot").stopTimer("ONB-1")).toEqual({
    key: "ONB-1",
    stopped: false,
    spent: MINUTE,
    from,
    to,
  });
});

test("A timer (OPENCLAW-06) of a previous claim does not continue under a new one", async () => {
  const { app, item } = await createAppWithTask();
  // The end of the claim is not processed before the task is claimed again.
  const deps = { ...app.deps, kick() {} };
  const thot = () => createTaskOperations(deps, app.getCaller("Thot"));
  const first = await thot().startTimer("ONB-1");
  app.advance(MINUTE);
  await releaseClaim({ ...app, deps }, item);
  expect(await thot().stopTimer("ONB-1")).toMatchObject({ stopped: false, from: first.since });
  const second = await thot().startTimer("ONB-1");
  expect(second).toMatchObject({ already: false, since: first.since + MINUTE });
  await app.drain();
  expect((await readTaskTimes(deps, item.id)).entries).toEqual([
    { agent: "Thot", from: first.since, to: first.since + MINUTE, ms: MINUTE },
    { agent: "Thot", from: second.since, ms: 0 },
  ]);
});

test("A timer (OPENCLAW-06) is refused on another agent's task, on a task that another agent holds, and on a closed task", async () => {
  const { app, item } = await createAppWithTask();
  app.addTask("Not yours", "Imhotep");
  await app.poll();
  await expect(app.actAs("Thot").startTimer("ONB-2")).rejects.toMatchObject({ code: "forbidden" });
  await app.actAs("Imhotep").claim("ONB-1");
  await expect(app.actAs("Thot").startTimer("ONB-1")).rejects.toMatchObject({ code: "conflict" });
  await releaseClaim(app, item);
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  await expect(app.actAs("Thot").startTimer("ONB-1")).rejects.toThrow("ONB-1 is done");
  expect((await readTaskTimes(app.deps, item.id)).entries).toEqual([]);
});

test("A timer (OPENCLAW-06) is shown on the work item, with each agent's time", async () => {
  const { app, item } = await createAppWithTask();
  await app.actAs("Thot").startTimer("ONB-1");
  for (let i = 0; i < 6; i++) {
    app.advance(11 * MINUTE);
    await app.actAs("Thot").report("ONB-1", { percent: i });
  }
  await app.actAs("Thot").stopTimer("ONB-1");
  await releaseClaim(app, item);
  await app.runUntilIdle();
  await app.actAs("Imhotep").startTimer("ONB-1");
  await app.runUntilIdle();
  const [card] = app.readComments(item).filter((html) => html.includes("Agent card"));
  expect(card).toMatch(/<strong>Time:<\/strong> 1:06:00 \(Thot 1:06:00\)/);
  expect(card).toMatch(/<strong>Timer:<\/strong> Imhotep since 2026-11-21 \d\d:\d\d:\d\d UTC/);
});
