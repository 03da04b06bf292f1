import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { toSettingName } from "../shared/config/settings-file.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { type BenchChild, startChild } from "./child.ts";
import { formatCount, formatMs, median } from "./figures.ts";
import { type BenchSimulators, fillWorkspace, startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { waitUntilIdle } from "./wait.ts";

export interface AgentSizes {
  agents: number;
  projects: number;
  /** Work items of each project. */
  items: number;
}

/** Target for the size of `list_my_tasks`: 4,096 bytes per ten tasks. */
const TARGET_BYTES = 4_096;
/** Title and description, about as long as people write them. */
const TITLE = "Write down what a new customer of ours has to know about";
const TEXT = `<p>Say what it is for, and for whom, in words that a newcomer knows.</p><p>${"And more. ".repeat(200)}</p>`;

/**
 * Measures "my open tasks with blockers" for every agent over MCP with the SDK's client: calls, requests to Plane,
 * bytes and time.
 */
export async function benchAgents(sizes: AgentSizes): Promise<BenchLine[]> {
  const simulators = await startSimulators();
  const { filled, config } = fillWorkspace(simulators, sizes);
  for (const { items } of filled) describeAndBlock(simulators, items);
  simulators.useCurrentTime();
  const names = config.agents.map(({ name }) => name);
  const folder = createBenchFolder(config);
  const tokens = Object.fromEntries(
    names.map((name) => [`AGENT_TOKEN_${toSettingName(name)}`, createBridgeToken(name)]),
  );
  const product = await startChild("product.ts", {
    args: ["whole"],
    flags: START_FLAGS,
    env: { ...simulators.env, ...folder.env, ...tokens },
  });
  try {
    await product.ask("poll");
    await waitUntilIdle(product);
    const lists = await callListTasks(simulators, product, names);
    const bytes = lists.map(({ size, tasks }) => (size * 10) / tasks);
    const maxBytes = Math.max(...bytes);
    const requests = lists.reduce((sum, list) => sum + list.requests, 0);
    const blocked = lists.reduce((sum, list) => sum + list.blocked, 0);
    const times = lists.map(({ time }) => time);
    const size = `${sizes.agents} agents × ${sizes.projects} projects × ${formatCount(sizes.items)} items`;
    return [
      {
        what: `“my open tasks with blockers” over MCP, ${size}`,
        ours: `1 call, ${requests} requests to Plane, ${formatCount(maxBytes)} bytes per 10 tasks, p50 ${formatMs(median(times))}`,
        aim: `1 call, 0 requests, ≤ ${formatCount(TARGET_BYTES)} bytes`,
        met: requests === 0 && maxBytes <= TARGET_BYTES && blocked > 0,
      },
    ];
  } finally {
    await product.kill();
    await simulators.stop();
    folder.remove();
  }
}

const createBridgeToken = (agent: string) => `bridge-token-of-${agent.toLowerCase()}-in-the-bench`;

/** Gives every open task a realistic title and description, and makes every second one depend on the one before it. */
function describeAndBlock({ plane }: BenchSimulators, items: readonly { id: string }[]) {
  let blocker: { id: string } | undefined;
  for (const [i, item] of items.entries()) {
    if (i % 3 !== 0) continue;
    plane.editItem(item, {
      name: `${TITLE} ${i}`,
      description_html: TEXT,
      target_date: "2027-01-31",
      priority: "high",
    });
    if (blocker) plane.relate(item, blocker);
    blocker = blocker ? undefined : item;
  }
  plane.runWorker();
  plane.deliveries.dropAll();
}

const taskListSchema = z.object({ tasks: z.array(z.object({ blocked_by: z.array(z.unknown()).nullable() })) });

/** The cost of one agent's call. */
interface ListCall {
  /** Bytes that the agent's model sees. */
  size: number;
  tasks: number;
  blocked: number;
  requests: number;
  time: number;
}

async function callListTasks(
  { plane }: BenchSimulators,
  product: BenchChild,
  names: readonly string[],
): Promise<ListCall[]> {
  const url = new URL(`http://127.0.0.1:${z.number().parse(await product.ask("port"))}/mcp`);
  const lists: ListCall[] = [];
  for (const name of names) {
    const client = new Client({ name: "bench", version: "1" });
    const headers = { authorization: `Bearer ${createBridgeToken(name)}` };
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
    // The SDK's transport does not match its own interface with exactOptionalPropertyTypes.
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    const before = plane.ledger.requests.length;
    const startedAt = performance.now();
    const result = CallToolResultSchema.parse(await client.callTool({ name: "list_my_tasks", arguments: {} }));
    const time = performance.now() - startedAt;
    const text = result.content.map((part) => (part.type === "text" ? part.text : "")).join("");
    const { tasks } = taskListSchema.parse(JSON.parse(text));
    const size = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(result.structuredContent ?? ""));
    const blocked = tasks.filter(({ blocked_by }) => (blocked_by?.length ?? 0) > 0).length;
    lists.push({ size, tasks: tasks.length, blocked, requests: plane.ledger.requests.length - before, time });
    await client.close();
  }
  return lists;
}
