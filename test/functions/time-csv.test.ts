import { expect, test } from "vitest";
import type { SpendingRecord } from "../../shared/accounting/spending.ts";
import type { TimeEntriesRecord } from "../../shared/accounting/time-entries.ts";
import { workKeys, workSets } from "../../shared/records/store-keys.ts";
import type { ClaimRecord } from "../../shared/records/task-records.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../support/test-runtime.ts";

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
