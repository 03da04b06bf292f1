import { expect, test } from "vitest";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { createFetchClient } from "../reliability/agent-clients.ts";
import { startRuntimeWithAgents, toAgentToken } from "../reliability/runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN } from "../reliability/simulators.ts";
import { createBearerHeaders } from "../support/test-runtime.ts";

const LIMIT = 300;

/** The product with two agents, and one task of Thot in ONB. */
async function startProduct() {
  const bridge = await startRuntimeWithAgents({ agents: ["Concierge", "Thot"] });
  const task = bridge.addTask("Write the mail", "Thot");
  const runtime = await bridge.startRuntimeAndPoll({ PLANE_RATE_LIMIT: String(LIMIT) });
  const headers = createBearerHeaders(RELIABILITY_ADMIN_TOKEN);
  const runTick = async (name: string) => {
    const { status } = await fetch(`${runtime.url}/ticks/${name}`, { method: "POST", ...headers });
    expect(status, name).toBe(200);
  };
  async function readMetric(sample: string): Promise<number | undefined> {
    const text = await (await fetch(`${runtime.url}/metrics`, headers)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length));
  }
  const thot = await createFetchClient(runtime.url, toAgentToken("Thot"));
  return { bridge, task: `ONB-${task.sequence_id}`, runTick, readMetric, thot };
}

test("GET /metrics (MONITOR-04) says whether Plane answers, and nothing where that is unknown", async () => {
  const { bridge, runTick, readMetric } = await startProduct();
  expect(await readMetric("groundcrew_plane_up")).toBe(1);
  expect(await readMetric("groundcrew_budget")).toBeUndefined();
  await bridge.plane.takeDown();
  bridge.advance(31 * SECOND);
  await runTick("plane");
  expect(await readMetric("groundcrew_plane_up")).toBe(0);
  await bridge.plane.bringUp();
  await runTick("plane");
  expect(await readMetric("groundcrew_plane_up")).toBe(1);
});

test("GET /metrics (MONITOR-03) contains the quota that each API key has left of this minute", async () => {
  const { bridge, task, readMetric, thot } = await startProduct();
  const readLeft = (key: string) => readMetric(`groundcrew_plane_quota_left{key="${key}"}`);
  expect(await readMetric('groundcrew_plane_quota{key="groundcrew"}')).toBe(LIMIT);
  const requests = bridge.plane.ledger.requests.filter(({ path }) => path.startsWith("/api/v1/")).length;
  expect(requests).toBeGreaterThan(0);
  expect([await readLeft("groundcrew"), await readLeft("Thot")]).toEqual([LIMIT - requests, LIMIT]);
  expect(await thot.call("claim_task", { task })).toHaveProperty("answer");
  expect(await thot.call("add_comment", { task, text: "I begin." })).toHaveProperty("answer");
  expect(await readLeft("Thot")).toBeLessThan(LIMIT);
  bridge.advance(2 * MINUTE);
  expect([await readLeft("groundcrew"), await readLeft("Thot")]).toEqual([LIMIT, LIMIT]);
});

test("GET /metrics (MONITOR-03) contains the tasks by project, agent and status", async () => {
  const { bridge, task, runTick, readMetric, thot } = await startProduct();
  const readTasks = (status: string) => readMetric(`groundcrew_tasks{project="ONB",status="${status}"}`);
  const readOfThot = (status: string) =>
    readMetric(`groundcrew_agent_tasks{agent="Thot",project="ONB",status="${status}"}`);
  await runTick("figures");
  expect([await readTasks("todo"), await readTasks("in_progress"), await readTasks("closed")]).toEqual([1, 0, 0]);
  expect([await readOfThot("todo"), await readOfThot("in_progress")]).toEqual([1, 0]);
  await thot.call("update_task_status", { task, status: "in_progress" });
  await runTick("figures");
  expect(await readTasks("in_progress")).toBe(0);
  bridge.advance(2 * MINUTE);
  await runTick("figures");
  expect([await readTasks("todo"), await readTasks("in_progress")]).toEqual([0, 1]);
  expect([await readOfThot("todo"), await readOfThot("in_progress")]).toEqual([0, 1]);
  const closing = { task, status: "done", text: "Sent and read twice.", confidence: 0.9 };
  expect(await thot.call("update_task_status", closing)).toHaveProperty("answer");
  bridge.advance(2 * MINUTE);
  await runTick("figures");
  expect([await readTasks("in_progress"), await readTasks("closed")]).toEqual([0, 1]);
  expect(await readOfThot("in_progress")).toBeUndefined();
});

test("GET /metrics (MONITOR-04) counts the claims that ended, by reason, beginning with 0", async () => {
  const { bridge, task, runTick, readMetric, thot } = await startProduct();
  const readEnded = (reason: string) => readMetric(`groundcrew_claims_ended_total{reason="${reason}"}`);
  expect([await readEnded("expired"), await readEnded("finished")]).toEqual([0, 0]);
  await runTick("claims");
  await thot.call("update_task_status", { task, status: "in_progress" });
  for (let minutes = 0; minutes < 17; minutes += 1) {
    bridge.advance(MINUTE);
    await runTick("claims");
  }
  expect([await readEnded("expired"), await readEnded("finished")]).toEqual([1, 0]);
});
