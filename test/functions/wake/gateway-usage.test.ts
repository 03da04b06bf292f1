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
  const answers: unknown[] = [];
  let reads = 0;
  const read = () =>
    usageTick.run({
      ...app.deps,
      readGatewayUsage: async () => {
        reads += 1;
        return answers.at(-1);
      },
    });
  // The gateway does not answer, then its figures are not ready, then they are, as OpenClaw 2026.9.6 has them.
  const session = { key: "agent:imhotep:cron:1", agentId: "imhotep", sessionId: "1", modelProvider: "fake" };
  const usage = {
    ...{ input: 39_000, output: 1_000, totalTokens: 40_000, totalCost: 0.5, missingCostEntries: 0 },
    ...{ firstActivity: from, lastActivity: app.time.now, sessionFile: "sqlite:imhotep:1" },
  };
  const counts = [];
  for (const answer of [
    undefined,
    { sessions: [{ ...session, usage: null }] },
    { sessions: [{ ...session, usage }] },
  ]) {
    answers.push(answer);
    counts.push((await read())?.["sessions"]);
  }
  counts.push((await read())?.["sessions"]);
  expect(counts).toEqual([0, 0, 1, 0]);
  const details = await setup.call("Imhotep", "get_task_details", { task: "ONB-1" });
  expect(details).toMatchObject({ agent: { cost: 0.5 } });
  const team = (await (await app.request("/api/team", HTTP_ADMIN_TOKEN)).json()) as {
    agents: { name: string; days: { measured?: number; tokens?: number }[] }[];
  };
  expect(team.agents.find(({ name }) => name === "Imhotep")?.days.at(-1)).toMatchObject({
    measured: 0.5,
    tokens: 40_000,
  });
  // Nobody works any more: the gateway is left alone.
  await setup.finishTask("Imhotep", "ONB-1");
  app.advance(25 * 60_000);
  await read();
  expect(reads).toBe(4);
});
