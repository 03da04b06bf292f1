import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { TimeEntriesRecord } from "../../shared/accounting/time-entries.ts";
import { type CanaryRecord, canaryKey, describeAddress } from "../../shared/monitoring/canary.ts";
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

async function requestReady(url: string) {
  const response = await fetch(`${url}/ready`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  return { status: response.status, body: await response.json() };
}

test("GET /ready (MONITOR-01) responds 503 until Plane was reached once, then 200 with the age of each success", async () => {
  let now = 1_700_000_000_000;
  const { url, deps } = await startTestRuntime({ overrides: { clock: () => now } });
  const store = { ok: true, age_s: 0 };
  const waiting = { status: "not ready", store, plane: { ok: null, age_s: null } };
  expect(await requestReady(url)).toEqual({ status: 503, body: waiting });
  deps.health.recordSuccess("plane");
  now += 12_000;
  const body = { status: "ready", store, plane: { ok: true, age_s: 12 } };
  expect(await requestReady(url)).toEqual({ status: 200, body });
});

test("GET /ready (MONITOR-01) reports which component fails, since when and why, without a secret", async () => {
  let now = 1_700_000_000_000;
  const api = { TELEGRAM_BOT_TOKEN: "123456:marked-bot-token", TELEGRAM_API_ROOT: "http://127.0.0.1:1" };
  const env = { ...api, TELEGRAM_CHAT_ID: "-100" };
  const { url, deps } = await startTestRuntime({ env, overrides: { clock: () => now } });
  deps.health.recordSuccess("plane");
  await deps.telegram?.getMe();
  now += 30_000;
  deps.health.recordFailure("plane", `401 for ${deps.settings.plane?.apiKey}`);
  const { status, body } = await requestReady(url);
  expect(status).toBe(503);
  expect(body).toMatchObject({
    plane: { ok: false, age_s: 30, error: "401 for [secret]" },
    telegram: { ok: false, age_s: null, error: expect.any(String) },
  });
  expect(JSON.stringify(body)).not.toContain("marked-bot-token");
});

test("GET /ready (MONITOR-01) reports the last canary, and stays ready while webhooks are missing", async () => {
  const store = createMemoryStore({ clock: () => 1_000_000 });
  const { url, deps } = await startTestRuntime({ store });
  deps.health.recordSuccess("plane");
  const address = describeAddress(deps.settings);
  const keep = (value: Partial<CanaryRecord>) =>
    store.commit({ put: [{ key: canaryKey, value: { project: "p", item: "i", comment: "c", ...value } }] });
  const lastArrival = { nonce: "1", at: 992_500, durationMs: 2_500, address };
  await keep({ lastEdit: { nonce: "1", at: 990_000, address }, lastArrival });
  const heard = { ok: true, age_s: 8, seconds: 2.5 };
  expect(await requestReady(url)).toMatchObject({ status: 200, body: { webhooks: heard } });
  await keep({ lastEdit: { nonce: "2", at: 880_000, address }, silentSince: 880_000 });
  const webhooks = { ok: false, age_s: null, seconds: null, error: expect.stringContaining("silent for 2 min") };
  expect(await requestReady(url)).toMatchObject({ status: 200, body: { webhooks } });
});

test("GET /webhooks/health (MONITOR-01) says to anyone whether /ready would succeed, and nothing else", async () => {
  let now = 1_700_000_000_000;
  const { url, deps } = await startTestRuntime({ overrides: { clock: () => now } });
  const ask = async (method = "GET") => {
    // Longer than a result is kept.
    now += 1_000;
    const response = await fetch(`${url}/webhooks/health`, { method, headers: { Host: "elsewhere.example.com" } });
    return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
  };
  const type = expect.stringContaining("text/plain");
  expect(await ask()).toEqual({ status: 503, text: "not ok", type });
  deps.health.recordSuccess("plane");
  expect(await ask()).toEqual({ status: 200, text: "ok", type });
  expect(await ask("HEAD")).toEqual({ status: 200, text: "", type });
  deps.health.recordFailure("plane", "marked reason");
  expect(await ask()).toEqual({ status: 503, text: "not ok", type });
  expect((await requestReady(url)).status).toBe(503);
});

test("GET /webhooks/health (MONITOR-01) says not ok while the store does not answer, which it asks once a second, and 429 to a source after 100 requests a minute", async () => {
  const real = createMemoryStore({ clock: Date.now });
  let [now, reads, isDown] = [1_700_000_000_000, 0, false];
  const fail = () => {
    reads += 1;
    return Promise.reject(new Error("ECONNREFUSED"));
  };
  const { url, deps } = await startTestRuntime({
    store: { ...real, now: () => (isDown ? fail() : real.now()) },
    ...{ env: { TRUSTED_PROXIES: "127.0.0.1" }, overrides: { clock: () => now } },
  });
  deps.health.recordSuccess("plane");
  const ask = async (source = "203.0.113.1") => {
    const response = await fetch(`${url}/webhooks/health`, { headers: { "X-Forwarded-For": source } });
    return [response.status, await response.text(), response.headers.get("retry-after")];
  };
  expect(await ask()).toEqual([200, "ok", null]);
  isDown = true;
  expect(await ask()).toEqual([200, "ok", null]);
  now += 1_000;
  expect(await ask()).toEqual([503, "not ok", null]);
  const before = reads;
  expect(before).toBeGreaterThan(0);
  for (let i = 3; i < 100; i += 1) expect(await ask()).toEqual([503, "not ok", null]);
  expect(reads).toBe(before);
  expect(await ask()).toEqual([429, expect.any(String), "60"]);
  expect(await ask("203.0.113.2")).toEqual([503, "not ok", null]);
  now += MINUTE;
  expect((await ask())[0]).toBe(503);
});

test("GET /health (MONITOR-01) returns the status, version, uptime and counts to anyone", async () => {
  let now = 1_700_000_000_000;
  const { url } = await startTestRuntime({ overrides: { clock: () => now } });
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  now += 61_500;
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    ...{ status: "healthy", version: packageJson.version, uptime_s: 61 },
    queues: { inbox: { pending: 1, dead: 0 }, outbox: { pending: 0, dead: 0 } },
  });
});

test("GET /health (MONITOR-01) responds 503 without a reason when the store does not respond", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const stats = () => Promise.reject(new Error("marked reason"));
  const { url } = await startTestRuntime({ store: { ...store, stats } });
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain("marked");
});

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
