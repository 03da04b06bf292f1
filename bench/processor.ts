import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { toSettingName } from "../shared/config/settings-file.ts";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";
import type { Item } from "../simulators/plane/types.ts";
import { findFreePort } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { formatMs, median, percentile } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import { startProduct } from "./start-product.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";

export interface ProcessorSizes {
  agents: number;
  /** Processor limits to compare, in cores; the last one is the floor. */
  cores: readonly (number | undefined)[];
  seconds: number;
}

/** Open tasks of each agent. */
const TASKS = 15;

/** Period of the quota: 100 ms, as Docker sets it. */
const PERIOD_US = 100_000;

interface Figures {
  readyAfter: Ms;
  calls: Ms[];
  polls: Ms[];
  /** Jobs that waited at the end. */
  pending: number;
  /** Share of the periods in which the group had to wait, and cores that it used. */
  throttled: number;
  used: number;
}

/**
 * Runs the product within a processor limit, as a container has it, at the pace of the requirements: ten agents with one
 * call a second each, one edit a second in Plane with its webhooks, and a poll a minute. Needs the controller `cpu` of
 * control groups, version 1, as root.
 */
export async function benchProcessor(sizes: ProcessorSizes): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const cores of sizes.cores) lines.push(toLine(sizes, cores, await measure(sizes, cores)));
  return lines;
}

function toLine({ agents, seconds }: ProcessorSizes, cores: number | undefined, figures: Figures): BenchLine {
  const { readyAfter, calls, polls, pending, throttled, used } = figures;
  const times = `p95 ${formatMs(percentile(calls, 95))} (p50 ${formatMs(median(calls))}, p99 ${formatMs(percentile(calls, 99))})`;
  const rest = `poll ${formatMs(Math.max(...polls))}, ready after ${formatMs(readyAfter)}, ${pending} jobs left`;
  const share = `${used.toFixed(2)} cores used, ${Math.round(throttled * 100)} % of periods throttled`;
  const limit = cores === undefined ? "no limit" : `${cores} cores`;
  const target = 300;
  return {
    what: `${agents} agents, ${agents} calls and 1 edit a second for ${seconds} s, ${limit}: time of a call`,
    ours: `${times}; ${rest}; ${share}`,
    aim: `p95 < ${target} ms, no job left`,
    met: percentile(calls, 95) < target && pending === 0,
  };
}

async function measure({ agents, seconds }: ProcessorSizes, cores: number | undefined): Promise<Figures> {
  const simulators = await startSimulators({ autoDeliver: true });
  const { plane } = simulators;
  const team = Array.from({ length: agents }, (_, i) => {
    const name = `Agent${i + 1}`;
    const user = plane.addUser({ name });
    const token = `bridge-token-of-${name}-in-the-bench`;
    const env = {
      [`PLANE_API_KEY_${toSettingName(name)}`]: plane.createApiKey(user, name),
      [`AGENT_TOKEN_${toSettingName(name)}`]: token,
    };
    return { name, user, token, env };
  });
  const { project, items } = simulators.fillProject("P01", agents * TASKS, (i) => ({
    state: "Todo",
    assignees: team.slice(i % agents, (i % agents) + 1).map(({ user }) => user),
  }));
  simulators.useCurrentTime();
  const folder = createBenchFolder({ agents: team.map(({ name, user }) => ({ name, email: user.email })) });
  const group = createProcessorGroup(cores);
  try {
    const env = Object.assign({}, simulators.env, folder.env, ...team.map((agent) => agent.env));
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const { secret } = plane.addWebhook(`${url}/webhooks/plane`);
    const command = group.wrap(["node", ...START_FLAGS, "dist/start.js"]);
    const product = await startProduct(command, { ...env, PLANE_WEBHOOK_SECRET: secret }, { port });
    await product.poll();
    while ((await product.pending()) > 0) await sleep(250);
    const figures = { calls: [] as Ms[], polls: [] as Ms[] };
    const before = group.read();
    const startedAt = performance.now();
    const isOver = () => performance.now() - startedAt > seconds * SECOND;
    await Promise.all([
      ...team.map(({ token }, index) =>
        callRepeatedly(
          url,
          { token, index },
          { items, identifier: project.identifier },
          { isOver, times: figures.calls },
        ),
      ),
      editRepeatedly(items, (item, n) => plane.editItem(item, { priority: n % 2 ? "high" : "low" }), isOver),
      pollRepeatedly(product.poll, figures.polls, isOver),
    ]);
    const after = group.read();
    const elapsed = (performance.now() - startedAt) * 1_000;
    await sleep(5 * SECOND);
    const pending = await product.pending();
    await product.stop();
    return {
      ...figures,
      readyAfter: product.readyAfter,
      pending,
      throttled: (after.throttled - before.throttled) / Math.max(1, after.periods - before.periods),
      used: (after.usage - before.usage) / 1_000 / elapsed,
    };
  } finally {
    await simulators.stop();
    folder.remove();
    await group.remove();
  }
}

/** One call a second of one agent: mostly its list, then details of a task, a report and a comment. */
async function callRepeatedly(
  url: string,
  { token, index }: { token: string; index: number },
  { items, identifier }: { items: readonly Item[]; identifier: string },
  { isOver, times }: { isOver: () => boolean; times: Ms[] },
): Promise<void> {
  const own = items.filter((_, i) => i % 10 === index % 10);
  const task = `${identifier}-${own[0]?.sequence_id}`;
  const calls = [
    ["list_my_tasks", {}],
    ["get_task_details", { task }],
    ["list_my_tasks", {}],
    ["report", { task, percent: 50 }],
    ["list_my_tasks", {}],
    ["add_comment", { task, text: "Half way." }],
  ] as const;
  const call = async (tool: string, input: object) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const startedAt = performance.now();
    const response = await fetch(`${url}/agent/${tool}`, { method: "POST", headers, body: JSON.stringify(input) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${tool} was answered with ${response.status}: ${text}`);
    return performance.now() - startedAt;
  };
  await call("update_task_status", { task, status: "in_progress" });
  await sleep(index * 100);
  for (let n = 0; !isOver(); n += 1) {
    const dueAt = performance.now() + SECOND;
    const [tool, input] = calls[n % calls.length] ?? calls[0];
    times.push(await call(tool, input));
    await sleep(Math.max(0, dueAt - performance.now()));
  }
}

async function editRepeatedly(items: readonly Item[], edit: (item: Item, n: number) => void, isOver: () => boolean) {
  for (let n = 0; !isOver(); n += 1) {
    const item = items[(n * 7) % items.length];
    if (item) edit(item, n);
    await sleep(SECOND);
  }
}

async function pollRepeatedly(poll: () => Promise<void>, times: Ms[], isOver: () => boolean) {
  while (!isOver()) {
    const startedAt = performance.now();
    await poll();
    times.push(performance.now() - startedAt);
    for (const end = startedAt + MINUTE; performance.now() < end && !isOver(); ) await sleep(250);
  }
}

/** A control group with a limit of cores, like a container's. Without a limit it only counts. */
function createProcessorGroup(cores: number | undefined) {
  const path = `/sys/fs/cgroup/cpu/groundcrew-${process.pid}`;
  const accounts = `/sys/fs/cgroup/cpuacct/groundcrew-${process.pid}`;
  for (const folder of [path, accounts]) mkdirSync(folder);
  writeFileSync(`${path}/cpu.cfs_period_us`, String(PERIOD_US));
  writeFileSync(`${path}/cpu.cfs_quota_us`, String(cores === undefined ? -1 : cores * PERIOD_US));
  const find = (name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(`${path}/cpu.stat`, "utf8"))?.[1] ?? 0);
  return {
    /** The same command within the group: the shell enters it and is replaced by the command. */
    wrap: (command: readonly string[]) => [
      ...[
        "sh",
        "-c",
        'echo $$ > "$0/cgroup.procs" && echo $$ > "$1/cgroup.procs" && shift && exec "$@"',
        path,
        accounts,
      ],
      ...command,
    ],
    read: () => ({
      periods: find("nr_periods"),
      throttled: find("nr_throttled"),
      /** Processor time in nanoseconds. */
      usage: Number(readFileSync(`${accounts}/cpuacct.usage`, "utf8")),
    }),
    async remove() {
      for (const folder of [path, accounts]) {
        while (readFileSync(`${folder}/cgroup.procs`, "utf8") !== "") await sleep(100);
        rmdirSync(folder);
      }
    },
  };
}
