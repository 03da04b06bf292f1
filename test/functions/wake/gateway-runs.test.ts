import { expect, test } from "vitest";
import { usageTick } from "../../../functions/usage.ts";
import { gatewaysTick } from "../../../functions/wake/gateway-tick.ts";
import { createRemarkSetup, type RemarkSetup } from "./remark-setup.ts";

/** Runs the tick as often as a host does in this time. */
async function watch(setup: RemarkSetup, seconds: number) {
  for (let passed = 0; passed < seconds; passed += 10) {
    await gatewaysTick.run(setup.app.deps);
    await setup.advanceSeconds(10);
  }
}

/** Imhotep works on its task. */
async function createWorkingSetup() {
  const setup = await createRemarkSetup();
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  return setup;
}

const INTERRUPTED = [{ agent: "imhotep", message: expect.stringContaining("ONB-1: Your run was interrupted") }];

test("an agent whose gateway ended during its run is woken within 60 s of the gateway's return, once, and goes on", async () => {
  const setup = await createWorkingSetup();
  await watch(setup, 30);
  await setup.gateway.stop();
  await watch(setup, 120);
  expect(setup.takeWakes()).toEqual([]);
  await setup.gateway.start();
  await watch(setup, 50);
  expect(setup.takeWakes()).toEqual(INTERRUPTED);
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  await watch(setup, 300);
  expect(setup.takeWakes(), "it works").toEqual([]);
});

test("an agent is woken neither while its gateway drains, which has its run still, nor while it only listens, and within 60 s of when it has started", async () => {
  const setup = await createWorkingSetup();
  const { gateway } = setup;
  gateway.enterPhase("draining");
  await watch(setup, 60);
  gateway.enterPhase("started");
  await watch(setup, 60);
  expect(setup.takeWakes()).toEqual([]);
  await gateway.stop();
  await watch(setup, 40);
  gateway.enterPhase("starting");
  await gateway.start();
  await watch(setup, 200);
  expect(setup.takeWakes()).toEqual([]);
  gateway.enterPhase("started");
  await watch(setup, 50);
  expect(setup.takeWakes()).toEqual(INTERRUPTED);
});

test("AGENT-03 while agents work the gateway's own figures are read, and count for the task of that time", async () => {
  const setup = await createWorkingSetup();
  const { app } = setup;
  const from = app.time.now;
  await setup.advanceSeconds(300);
  // The ledger of OpenClaw 2026.9.6, with a run that ended before Groundcrew looked for the first time.
  const run = { runtime: "subagent", status: "succeeded", createdAt: 1_000, startedAt: 2_000, endedAt: 5_000 };
  const tasks: (typeof run)[] = [run];
  const observed: unknown[] = [];
  let reads = 0;
  const read = async (answer?: unknown) => {
    const counts = await usageTick.run({
      ...app.deps,
      metrics: { ...app.deps.metrics, observe: (name, seconds, labels) => void observed.push([name, seconds, labels]) },
      askOpenclaw: async (question) => {
        if (question === "tasks") return { tasks };
        reads += 1;
        return answer;
      },
    });
    return counts?.["sessions"];
  };
  const session = { key: "agent:imhotep:cron:1", agentId: "imhotep", sessionId: "1", modelProvider: "fake" };
  const usage = {
    ...{ input: 39_000, output: 1_000, totalTokens: 40_000, totalCost: 0.5, missingCostEntries: 0 },
    ...{ firstActivity: from, lastActivity: app.time.now, sessionFile: "sqlite:imhotep:1" },
  };
  expect(await read(), "no answer").toBe(0);
  expect(await read({ sessions: [{ ...session, usage: null }] }), "not ready").toBe(0);
  expect(await read({ sessions: [{ ...session, usage }] })).toBe(1);
  tasks.push({ ...run, endedAt: 12_000 }, { ...run, status: "timed_out", endedAt: 32_000 });
  tasks.push({ ...run, runtime: "cron", endedAt: 40_000 });
  expect(await read({ sessions: [{ ...session, usage }] })).toBe(0);
  const name = "groundcrew_spawned_run_duration_seconds";
  expect(observed).toEqual([
    [name, 10, { outcome: "ok" }],
    [name, 30, { outcome: "failed" }],
  ]);
  expect(await setup.call("Imhotep", "get_task_details", { task: "ONB-1" })).toMatchObject({ agent: { cost: 0.5 } });
  const days = expect.arrayContaining([expect.objectContaining({ measured: 0.5, tokens: 40_000 })]);
  const agents = expect.arrayContaining([expect.objectContaining({ name: "Imhotep", days })]);
  expect(await app.read("/api/team")).toMatchObject({ agents });
  // Nobody works any more: the gateway is left alone.
  await setup.finishTask("Imhotep", "ONB-1");
  app.advance(25 * 60_000);
  await read();
  expect(reads).toBe(4);
});
