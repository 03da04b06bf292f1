import { expect, test } from "vitest";
import { usageTick } from "../../../functions/usage.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createRemarkSetup } from "./remark-setup.ts";

test("AGENT-03 while agents work the gateway's own figures are read, and count for the task of that time", async () => {
  const setup = await createRemarkSetup();
  const { app } = setup;
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
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
  const team = await (await app.request("/api/team", HTTP_ADMIN_TOKEN)).json();
  const days = expect.arrayContaining([expect.objectContaining({ measured: 0.5, tokens: 40_000 })]);
  expect(team).toMatchObject({ agents: expect.arrayContaining([expect.objectContaining({ name: "Imhotep", days })]) });
  // Nobody works any more: the gateway is left alone.
  await setup.finishTask("Imhotep", "ONB-1");
  app.advance(25 * 60_000);
  await read();
  expect(reads).toBe(4);
});
