import { onTestFinished } from "vitest";
import type { Item, ItemPatch, Project, User, Version } from "../../demo/plane/types.ts";
import { manifest } from "../../functions/index.ts";
import { startRuntime } from "../../runtime/node.ts";
import { wait } from "../../runtime/wait.ts";
import { settingName } from "../../shared/config/file.ts";
import { parseSettings } from "../../shared/config.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import { startOutside } from "./outside.ts";

/** The bridge token of an agent of these tests. */
export const tokenOf = (agent: string): string => `bridge-token-of-${agent.toLowerCase()}-in-these-tests`;

/** Pauses up to this long are what an agent's pace asks for. */
const PACE_MS = 2_000;

interface BridgeOptions {
  version?: Version;
  /** Names; the first is the Concierge. */
  agents: readonly string[];
  /** Agents without a Plane key of their own. */
  keyless?: readonly string[];
}

/**
 * The whole runtime, every route, tick, queue and rule of it, in front of an in-memory Plane over HTTP.
 * An agent's pace (1 request/s) moves the clock instead of taking time; `begin` is when the work items are there.
 */
export async function startBridge({ version, agents, keyless = [] }: BridgeOptions) {
  let ahead = 0;
  const clock = () => Date.now() + ahead;
  const outside = await startOutside({ clock, ...(version && { version }) });
  const { plane } = outside;
  const mail = (name: string) => `${name.toLowerCase()}@javisi.local.test`;
  const users = new Map<string, User>(agents.map((name) => [name, plane.addUser({ name, email: mail(name) })]));
  const project = outside.project();
  const lines: string[] = [];

  function user(name: string): User {
    const found = users.get(name);
    if (!found) throw new Error(`There is no agent ${name}.`);
    return found;
  }

  async function begin(env: Record<string, string> = {}): Promise<Awaited<ReturnType<typeof startRuntime>>> {
    plane.settle();
    plane.deliveries.dropAll();
    const keyed = agents.filter((name) => !keyless.includes(name));
    const config = agents.map((name, i) => ({ name, email: mail(name), role: i === 0 ? "concierge" : "worker" }));
    const parsed = parseSettings(
      {
        ...Object.fromEntries(Object.entries(outside.env).filter(([name]) => !name.startsWith("TELEGRAM_"))),
        ...{ PORT: "0", STORE_URL: "memory:", GROUNDCREW_CONFIG: "crew.json", LOG_LEVEL: "debug" },
        ...Object.fromEntries(agents.map((name) => [`AGENT_TOKEN_${settingName(name)}`, tokenOf(name)])),
        ...Object.fromEntries(keyed.map((name) => [`PLANE_API_KEY_${settingName(name)}`, plane.apiKey(user(name))])),
        ...env,
      },
      {
        read: (path) => (path === "crew.json" ? { text: JSON.stringify({ agents: config }), mode: 0o600 } : undefined),
      },
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const runtime = await startRuntime(parsed.settings, {
      manifest,
      write: (line) => lines.push(line),
      overrides: {
        store: memoryStore({ clock }),
        clock,
        async wait(ms, signal) {
          if (ms > PACE_MS) return wait(ms, signal);
          ahead += ms;
          plane.settle();
          return undefined;
        },
      },
    });
    onTestFinished(() => runtime.stop());
    await runtime.deps.ticks.fresh("poll");
    await runtime.deps.drain();
    return runtime;
  }

  return {
    ...outside,
    agents,
    user,
    /** The project ONB, whose members all agents are. */
    onb: project,
    lines,
    begin,
    pass(ms: number) {
      ahead += ms;
      plane.settle();
    },
    /** A task in ONB, or another project, for this agent. */
    task: (name: string, to: string | undefined, patch: ItemPatch = {}, where: Project = project): Item =>
      plane.addItem(where, { name, ...patch, assignees: to === undefined ? [] : [user(to)] }),
    /** The name of whoever a Plane id is. */
    nameOf: (id: string | null) => agents.find((name) => user(name).id === id) ?? "Ada",
  };
}
