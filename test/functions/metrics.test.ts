import { expect, test } from "vitest";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { SpendingRecord } from "../../shared/accounting/spending.ts";
import type { TimeEntriesRecord } from "../../shared/accounting/time-entries.ts";
import type { ClaimRecord } from "../../shared/records/claim-record.ts";
import { workKeys, workSets } from "../../shared/records/store-keys.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { createFetchClient } from "../reliability/agent-clients.ts";
import { startRuntimeWithAgents, toAgentToken } from "../reliability/runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN } from "../reliability/simulators.ts";
import {
  createBearerHeaders,
  postWebhook,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../support/test-runtime.ts";

async function readMetrics(url: string) {
  const response = await fetch(`${url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

test("GET /metrics (MONITOR-03) returns Prometheus text with the requests, the ticks and the depth of each queue", async () => {
  const { url, store } = await startTestRuntime();
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "2" } }));
  const [job] = await store.take("inbox", 1000, 1);
  if (job) await store.acknowledge(job, { dead: "poison" });
  await fetch(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  const { status, type, text } = await readMetrics(url);
  expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  expect(text).toContain('groundcrew_queue_depth{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="outbox"} 0');
  expect(text).toMatch(/groundcrew_queue_age_seconds\{queue="inbox"\} \d/);
  expect(text).toContain("groundcrew_store_up 1");
  expect(text).toMatch(/groundcrew_ticks_total\{tick="poll",outcome="ok"\} \d/);
  expect(text).toContain('groundcrew_request_duration_seconds_count{method="POST",route="/webhooks/plane"} 2');
});

test("GET /metrics (MONITOR-03) responds and reports it when the store is down", async () => {
  const real = createMemoryStore({ clock: Date.now });
  const { url } = await startTestRuntime({ store: { ...real, stats: () => Promise.reject(new Error("down")) } });
  const { status, text } = await readMetrics(url);
  expect(status).toBe(200);
  expect(text).toContain("groundcrew_store_up 0");
  expect(text).not.toContain("groundcrew_queue_depth{");
  expect(text).not.toMatch(/^groundcrew_(plane_up|plane_quota_left|budget)\b/m);
});

test("GET /metrics (MONITOR-03) contains no label value that an unauthenticated caller can choose", async () => {
  const { url } = await startTestRuntime();
  await fetch(`${url}/marked-one?x=marked-two`);
  await fetch(`${url}/ticks/marked-three`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  expect((await readMetrics(url)).text).not.toContain("marked");
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
  bridge.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "rate limited", retryAfter: 600 }, 1);
  await thot.call("add_comment", { task, text: "I go on." });
  expect(await readLeft("Thot"), "while Plane refuses requests").toBe(0);
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

const FROM = Date.parse("2026-11-21T08:00:00Z");

type Runtime = Awaited<ReturnType<typeof startTestRuntime>>;

async function storeTimes({ store }: Runtime, item: string, times: TimeEntriesRecord) {
  await store.commit({ put: [{ key: workKeys.time(item), value: times, sets: [workSets.times] }] });
}

const createTimeEntry = (agent: string, minutes: number) => ({
  agent,
  fence: 1,
  from: FROM,
  to: FROM + minutes * 60_000,
});

test("GET /time.csv (MONITOR-03) lists every entry, running ones without an end, and totals without entries", async () => {
  const runtime = await startTestRuntime();
  const now = await runtime.store.now();
  await storeTimes(runtime, "1", {
    task: "ONB-1",
    project: "ONB",
    carried: { Imhotep: 90_000 },
    entries: [createTimeEntry("Thot", 5), { agent: "Thot", fence: 2, from: now - 5_000 }],
  });
  const [since, until] = [now - 5_000, now + 600_000];
  const claim: ClaimRecord = {
    item: "1",
    project: "p",
    agent: "Thot",
    fence: 2,
    since,
    until,
    renewedAt: since,
    expectedStatuses: [],
  };
  await runtime.store.commit({ put: [{ key: workKeys.claim("1"), value: claim }] });
  const response = await fetch(`${runtime.url}/time.csv`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  expect(response.headers.get("content-type")).toContain("text/csv");
  const lines = (await response.text()).split("\r\n");
  expect(lines.slice(0, 3)).toEqual([
    "agent,project,task,from,to,seconds",
    "Imhotep,ONB,ONB-1,,,90",
    "Thot,ONB,ONB-1,2026-11-21T08:00:00.000Z,2026-11-21T08:05:00.000Z,300",
  ]);
  expect(lines[3]).toMatch(/^Thot,ONB,ONB-1,[^,]+,,[5-9]$/);
  expect(lines.slice(4)).toEqual([""]);
});

test("GET /time.csv (MONITOR-03) is read page by page and contains every entry", async () => {
  const runtime = await startTestRuntime();
  for (let i = 0; i < 450; i++)
    await storeTimes(runtime, `${i}`, { task: `ONB-${i}`, project: "ONB", entries: [createTimeEntry("Thot", 1)] });
  const text = await (await fetch(`${runtime.url}/time.csv`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
  expect(new Set(text.split("\r\n").map((line) => line.split(",")[2])).size).toBe(452);
});

test("GET /time.csv (MONITOR-03) contains no cell that a spreadsheet evaluates as a formula, and quotes cells where necessary", async () => {
  const runtime = await startTestRuntime();
  await storeTimes(runtime, "1", { task: '=cmd|"x"', project: "+A,B", entries: [createTimeEntry("@Thot", 1)] });
  const text = await (await fetch(`${runtime.url}/time.csv`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
  expect(text.split("\r\n")[1]).toMatch(/^'@Thot,"'\+A,B","'=cmd\|""x""",/);
});

test("GET /time.csv (MONITOR-03) requires ADMIN_TOKEN", async () => {
  const { url } = await startTestRuntime();
  expect((await fetch(`${url}/time.csv`)).status).toBe(401);
  expect((await fetch(`${url}/time.csv`, createBearerHeaders(RUNTIME_TICK_TOKEN))).status).toBe(403);
});

test("GET /metrics (MONITOR-03) contains time and cost per agent and project, the same at every scrape", async () => {
  const { url, store } = await startTestRuntime();
  const value: SpendingRecord = { agent: "Thot", project: "ONB", ms: 90_500, cost: 1.25 };
  await store.commit({ put: [{ key: workKeys.spent("Thot", "p"), value, sets: [workSets.spent] }] });
  for (let i = 0; i < 2; i++) {
    const text = await (await fetch(`${url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
    expect(text).toContain("# TYPE groundcrew_time_seconds_total counter");
    expect(text).toContain('groundcrew_time_seconds_total{agent="Thot",project="ONB"} 90.5');
    expect(text).toContain('groundcrew_cost_total{agent="Thot",project="ONB"} 1.25');
  }
});
