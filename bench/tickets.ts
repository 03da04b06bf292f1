import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { type Ms, SECOND } from "../shared/time.ts";
import { createRunnerHost } from "../test/runtime/runner/runner-host.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { formatMs, percentile } from "./figures.ts";
import { ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import { startWithNpm } from "./start-product.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";

/** Limit of the time from an approval to the first output of its session. */
const AIM_MS: Ms = 2 * SECOND;
/** Limit of what a box adds to it. */
const BOX_AIM_MS: Ms = SECOND / 2;
const READ_INTERVAL_MS: Ms = 20;
/** A session that shows nothing for so long has failed. */
const SESSION_TIMEOUT_MS: Ms = 60 * SECOND;

const pendingSchema = z.object({ tickets: z.array(z.object({ id: z.string() })) });
const sessionsSchema = z.object({
  sessions: z.array(z.object({ id: z.string(), state: z.string(), screen: z.string().optional() })),
});
const healthSchema = z.object({ tmux_service: z.boolean() });

/**
 * Approves tickets one after the other and measures until the page's API shows the first output of the session: the
 * whole product with its runner, the real tmux and git, and a stand-in for Claude Code.
 */
export async function benchTickets({ tickets }: { tickets: number }): Promise<BenchLine[]> {
  const plain = await measureStarts(tickets, "off");
  const boxed = await measureStarts(tickets, "required");
  const [p50, p95] = [percentile(plain, 50), percentile(plain, 95)];
  const later = percentile(boxed, 50) - p50;
  return [
    {
      what: `approval of a ticket → first output of its session on the page's API, ${tickets} tickets`,
      ours: `p95 ${formatMs(p95)} (p50 ${formatMs(p50)})`,
      aim: `p95 < ${AIM_MS / SECOND} s`,
      met: p95 < AIM_MS,
    },
    {
      what: `the same in a box, with a clone: how much later than without`,
      ours: `p50 ${formatMs(later)} (p50 ${formatMs(percentile(boxed, 50))}, p95 ${formatMs(percentile(boxed, 95))})`,
      aim: `p50 < ${BOX_AIM_MS / SECOND} s`,
      met: later < BOX_AIM_MS,
    },
  ];
}

async function measureStarts(tickets: number, sandbox: "off" | "required"): Promise<Ms[]> {
  const host = createRunnerHost(() => {});
  const simulators = await startSimulators();
  const repository = { path: host.repository, sandbox, readable: [resolve(".")] };
  const folder = createBenchFolder({ tickets: { repositories: { P01: repository } } });
  const product = await startWithNpm({ ...simulators.env, ...folder.env, ...host.env });

  async function call(path: string, method: "GET" | "POST" = "GET"): Promise<unknown> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const init = method === "GET" ? { method, headers } : { method, headers, body: "{}" };
    const response = await fetch(`http://127.0.0.1:${product.port}${path}`, init);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
  const readSession = async (key: string) =>
    sessionsSchema.parse(await call("/api/sessions")).sessions.find(({ id }) => id === key);

  async function measureStart(key: string): Promise<Ms> {
    const approvedAt = performance.now();
    await call(`/api/approve/${key}`, "POST");
    await waitUntil(async () => Boolean((await readSession(key))?.screen?.trim()));
    const took = performance.now() - approvedAt;
    await call(`/api/sessions/${key}/cancel`, "POST");
    await waitUntil(() => host.tmux("list-sessions") === "");
    return took;
  }

  try {
    await waitUntil(async () => healthSchema.parse(await call("/health")).tmux_service);
    const { project } = simulators.fillProject("P01", 0, () => ({ state: "Todo" }));
    await product.poll();
    simulators.useCurrentTime();
    for (let i = 0; i < tickets; i += 1) simulators.plane.addItem(project, { name: `Ticket ${i + 1}` });
    await product.poll();
    const listPending = async () => pendingSchema.parse(await call("/api/pending-tickets")).tickets;
    await waitUntil(async () => (await listPending()).length === tickets);
    const times: Ms[] = [];
    for (const { id } of await listPending()) times.push(await measureStart(id));
    return times;
  } finally {
    await product.stop();
    host.tmux("kill-server");
    await simulators.stop();
    folder.remove();
    rmSync(host.folder, { recursive: true, force: true });
  }
}

async function waitUntil(isReached: () => boolean | Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await isReached())) {
    if (performance.now() - startedAt > SESSION_TIMEOUT_MS) throw new Error("The bench waited for a minute in vain.");
    await sleep(READ_INTERVAL_MS);
  }
}
