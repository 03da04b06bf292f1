import { expect, test } from "vitest";
import type { TimeEntriesRecord } from "../../shared/accounting/time-entries.ts";
import { workKeys, workSets } from "../../shared/records/store-keys.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { createFetchClient } from "../reliability/agent-clients.ts";
import { startRuntimeWithAgents } from "../reliability/runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN, toAgentToken } from "../reliability/simulators.ts";
import {
  createBearerHeaders,
  postWebhook,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../support/test-runtime.ts";

test("GET /metrics (MONITOR-03) returns Prometheus text with the requests, the ticks and the depth of each queue", async () => {
  const { url, store } = await startTestRuntime();
  for (const id of ["1", "2"]) await postWebhook(url, JSON.stringify({ event: "issue", data: { id } }));
  const [job] = await store.take("inbox", 1000, 1);
  if (job) await store.acknowledge(job, { dead: "poison" });
  await fetch(`${url}/marked-one?x=marked-two`);
  for (const tick of ["poll", "marked-three"])
    await fetch(`${url}/ticks/${tick}`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  const response = await fetch(`${url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  // Nobody chooses a label's value by what they request.
  expect(text).not.toContain("marked");
  expect(text).toContain('groundcrew_queue_depth{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="outbox"} 0');
  expect(text).toMatch(/groundcrew_queue_age_seconds\{queue="inbox"\} \d/);
  expect(text).toContain("groundcrew_store_up 1");
  expect(text).toMatch(/groundcrew_ticks_total\{tick="poll",outcome="ok"\} \d/);
  expect(text).toContain('groundcrew_request_duration_seconds_count{method="POST",route="/webhooks/plane"} 2');
});

test("GET /metrics (MONITOR-03) is also served without a token on a separate port, with /ready and /health and nothing else", async () => {
  const { url, metricsUrl = "" } = await startTestRuntime({ env: { METRICS_PORT: "0" } });
  expect(metricsUrl).not.toBe(url);
  const statuses = ["/metrics", "/ready", "/health", "/dead-letters", "/webhooks/plane"].map(
    async (path) => (await fetch(metricsUrl + path)).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 503, 200, 404, 404]);
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
});

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
  bridge.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "rate limited", retryAfter: 600 }, 1);
  await thot.call("add_comment", { task, text: "I go on." });
  expect(await readLeft("Thot"), "while Plane refuses requests").toBe(0);
});

test("GET /metrics (MONITOR-03, MONITOR-04) contains whether Plane answers, and the tasks by project, agent and status", async () => {
  const { bridge, task, runTick, readMetric, thot } = await startProduct();
  expect(await readMetric("groundcrew_plane_up")).toBe(1);
  expect(await readMetric("groundcrew_budget")).toBeUndefined();
  await bridge.plane.takeDown();
  bridge.advance(31 * SECOND);
  await runTick("plane");
  expect(await readMetric("groundcrew_plane_up")).toBe(0);
  await bridge.plane.bringUp();
  await runTick("plane");
  expect(await readMetric("groundcrew_plane_up")).toBe(1);
  const readTasks = (status: string) => readMetric(`groundcrew_tasks{project="ONB",status="${status}"}`);
  const readOfThot = (status: string) =>
    readMetric(`groundcrew_agent_tasks{agent="Thot",project="ONB",status="${status}"}`);
  await runTick("figures");
  expect([await readTasks("todo"), await readTasks("in_progress"), await readTasks("closed")]).toEqual([1, 0, 0]);
  expect([await readOfThot("todo"), await readOfThot("in_progress")]).toEqual([1, 0]);
  await thot.call("update_task_status", { task, status: "in_progress" });
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

test("GET /time.csv (MONITOR-03) requires ADMIN_TOKEN and contains no cell that a spreadsheet evaluates as a formula", async () => {
  const { url, store } = await startTestRuntime();
  const entry = { agent: "@Thot", fence: 1, from: 0, to: 60_000 };
  const value: TimeEntriesRecord = { task: '=cmd|"x"', project: "+A,B", entries: [entry] };
  await store.commit({ put: [{ key: workKeys.time("1"), value, sets: [workSets.times] }] });
  const text = await (await fetch(`${url}/time.csv`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
  expect(text.split("\r\n")[1]).toMatch(/^'@Thot,"'\+A,B","'=cmd\|""x""",/);
  expect((await fetch(`${url}/time.csv`)).status).toBe(401);
  expect((await fetch(`${url}/time.csv`, createBearerHeaders(RUNTIME_TICK_TOKEN))).status).toBe(403);
});
