import { z } from "zod";
import { toSettingName } from "../shared/config/settings-file.ts";
import type { Item } from "../simulators/plane/types.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { formatMs, median, percentile } from "./figures.ts";
import { type BenchSimulators, startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { createToolCalls, type ToolCall } from "./tool-calls.ts";
import { type Floor, PACE_MS, sendBareRequests } from "./tool-floor.ts";
import { sleep, waitUntilIdle } from "./wait.ts";

export interface ToolSizes {
  agents: number;
  /** Measured rounds; one more warms up. */
  rounds: number;
}

/** Time that the simulated Plane takes for each request: 50 ms, a busy Plane on the same host. */
const PLANE_LATENCY_MS = 50;
/** Interval between the calls of two agents: 100 ms, ten calls a second. */
const INTERVAL_MS = 100;
/** Limit of the 95th percentile of a call that needs no paced request. */
const UNPACED_TARGET_MS = 300;
/** Tasks that each agent needs in a round. */
const TASKS_PER_ROUND = 2;

/** The measured calls of one tool, and the floor's times in the same rounds. */
interface ToolFigures {
  times: number[];
  floorTimes: number[];
  /** The most requests with the agent's own key in one call. */
  paced: number;
  floor: Floor | undefined;
}

/**
 * Measures the tools over HTTP, called by ten agents a second, each from an idle start. The floor of a tool is the
 * requests that it cannot do without, sent bare to the same simulated Plane, at the agent's pace, in the same round.
 */
export async function benchTools({ agents, rounds }: ToolSizes): Promise<BenchLine[]> {
  const simulators = await startSimulators();
  const team = Array.from({ length: agents }, (_, i) => createAgent(simulators, `Agent${i + 1}`));
  const { project, items } = simulators.fillProject("P01", agents * TASKS_PER_ROUND * (rounds + 1), (i) => ({
    state: "Todo",
    assignees: team.slice(i % agents, (i % agents) + 1).map(({ user }) => user),
  }));
  simulators.useCurrentTime();
  // Every agent may plan, so that all of them call every tool.
  const folder = createBenchFolder({
    agents: team.map(({ name, user }) => ({ name, email: user.email, role: "concierge" })),
  });
  const env = Object.assign({}, simulators.env, folder.env, ...team.map((agent) => agent.env));
  const product = await startChild("product.ts", { args: ["whole"], flags: START_FLAGS, env });
  try {
    await product.ask("poll");
    await waitUntilIdle(product);
    simulators.plane.faults.beforeRequest(() => sleep(PLANE_LATENCY_MS));
    const url = `http://127.0.0.1:${z.number().parse(await product.ask("port"))}`;
    const figures = new Map<string, ToolFigures>();
    for (let round = 0; round <= rounds; round += 1) {
      const plans = team.map((agent) => {
        const own = items.filter(({ assignees }) => assignees.includes(agent.user.id));
        const [item, other] = own.slice(round * TASKS_PER_ROUND);
        if (!item || !other) throw new Error("The bench has too few items.");
        return { agent, item, calls: createToolCalls(project.identifier, item, other, `${agent.name} ${round}`) };
      });
      await runRound(simulators, url, plans, figures);
      // The first round only warms up.
      if (round === 0) figures.clear();
    }
    return [...figures].map(([what, found]) => toLine(what, found));
  } finally {
    await product.kill();
    await simulators.stop();
    folder.remove();
  }
}

type BenchAgent = ReturnType<typeof createAgent>;

/** Creates an agent's account and key in Plane, its bridge token, and its settings. */
function createAgent({ plane }: BenchSimulators, name: string) {
  const user = plane.addUser({ name });
  const key = plane.createApiKey(user, name);
  const token = `bridge-token-of-${name}-in-the-bench`;
  const env = { [`PLANE_API_KEY_${toSettingName(name)}`]: key, [`AGENT_TOKEN_${toSettingName(name)}`]: token };
  return { name, user, key, token, env };
}

/** Runs the calls of all agents, one tool after the other, and adds their times to the figures. */
async function runRound(
  simulators: BenchSimulators,
  url: string,
  plans: readonly { agent: BenchAgent; item: Item; calls: readonly ToolCall[] }[],
  figures: Map<string, ToolFigures>,
) {
  const { ledger } = simulators.plane;
  const measure = async (call: ToolCall, agent: BenchAgent, item: Item) => {
    const found = figures.get(call.what) ?? { times: [], floorTimes: [], paced: 0, floor: call.floor };
    figures.set(call.what, found);
    const before = ledger.requests.length;
    found.times.push(await timeCall(url, agent.token, call));
    const own = ledger.requests.slice(before).filter(({ owner }) => owner === agent.user.id);
    found.paced = Math.max(found.paced, own.length);
    if (call.floor) found.floorTimes.push(await sendBareRequests(simulators, item, agent.key, call.floor));
  };
  const count = Math.max(...plans.map(({ calls }) => calls.length));
  for (let n = 0; n < count; n += 1) {
    await Promise.all(
      plans.map(async ({ agent, item, calls }, i) => {
        const call = calls[n];
        if (!call) return;
        await sleep(i * INTERVAL_MS);
        await measure(call, agent, item);
      }),
    );
    // An agent's next request then need not wait.
    await sleep(PACE_MS);
  }
}

async function timeCall(url: string, token: string, { tool, input }: ToolCall): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const startedAt = performance.now();
  const response = await fetch(`${url}/agent/${tool}`, { method: "POST", headers, body: JSON.stringify(input) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${tool} was answered with ${response.status}: ${text}`);
  return performance.now() - startedAt;
}

function toLine(what: string, { times, floorTimes, paced, floor }: ToolFigures): BenchLine {
  const p95 = percentile(times, 95);
  const line = {
    what: `${what} (Plane: ${PLANE_LATENCY_MS} ms a request)`,
    ours: `p95 ${formatMs(p95)} (p50 ${formatMs(median(times))}), ${times.length} calls, ${paced} paced requests`,
    aim: floor?.paced === true ? "≤ 2 paced requests" : `p95 < ${UNPACED_TARGET_MS} ms`,
    met: floor?.paced === true ? paced <= 2 : p95 < UNPACED_TARGET_MS,
  };
  if (!floor) return line;
  const floorMs = median(floorTimes);
  return { ...line, floor: `p50 ${formatMs(floorMs)}, ${floor.name}`, ratio: (median(times) / floorMs).toFixed(2) };
}
