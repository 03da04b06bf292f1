import { onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { toSettingName } from "../../shared/config/settings-file.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { wait } from "../../shared/time.ts";
import type { Item, ItemPatch, PlaneVersion, Project, User } from "../../simulators/plane/types.ts";
import { startSimulators } from "./simulators.ts";

/** An agent's bridge token in these tests. */
export const toAgentToken = (agent: string): string => `bridge-token-of-${agent.toLowerCase()}-in-these-tests`;

/** Limit of waits that advance the clock instead of taking real time: those of an agent's pace. */
const PACE_MS = 2_000;

interface BridgeOptions {
  version?: PlaneVersion;
  /** Names; the first is the Concierge. */
  agents: readonly string[];
  /** Agents without their own Plane key. */
  keyless?: readonly string[];
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  /** How every agent is woken, as in the settings file. Default: not at all. */
  wake?: Record<string, unknown>;
}

/**
 * Creates the whole runtime with every route, tick, queue and rule, with a simulated Plane over HTTP.
 * An agent's pace (1 request/s) advances the clock and takes no real time. Call `startRuntimeAndPoll` after adding tasks.
 */
export async function startRuntimeWithAgents({
  version,
  agents,
  keyless = [],
  config,
  wake: wakeSettings,
}: BridgeOptions) {
  let clockOffset = 0;
  const clock = () => Date.now() + clockOffset;
  const simulators = await startSimulators({ clock, ...omitUndefined({ version }) });
  const { plane } = simulators;
  const toEmail = (name: string) => `${name.toLowerCase()}@javisi.local.test`;
  const users = new Map<string, User>(agents.map((name) => [name, plane.addUser({ name, email: toEmail(name) })]));
  const project = simulators.addProject();
  const lines: string[] = [];

  function getUser(name: string): User {
    const found = users.get(name);
    if (!found) throw new Error(`Unknown agent ${name}.`);
    return found;
  }

  async function startRuntimeAndPoll(
    env: Record<string, string> = {},
  ): Promise<Awaited<ReturnType<typeof startRuntime>>> {
    plane.runWorker();
    plane.deliveries.dropAll();
    const agentsWithKey = agents.filter((name) => !keyless.includes(name));
    const agentSettings = agents.map((name, i) => ({
      name,
      email: toEmail(name),
      role: i === 0 ? "concierge" : "worker",
      ...omitUndefined({ wake: wakeSettings }),
    }));
    const parsed = parseSettings(
      {
        ...Object.fromEntries(Object.entries(simulators.env).filter(([name]) => !name.startsWith("TELEGRAM_"))),
        PORT: "0",
        STORE_URL: "memory:",
        GROUNDCREW_CONFIG: "crew.json",
        LOG_LEVEL: "debug",
        ...Object.fromEntries(agents.map((name) => [`AGENT_TOKEN_${toSettingName(name)}`, toAgentToken(name)])),
        ...Object.fromEntries(
          agentsWithKey.map((name) => [`PLANE_API_KEY_${toSettingName(name)}`, plane.createApiKey(getUser(name))]),
        ),
        ...env,
      },
      {
        read: (path) =>
          path === "crew.json"
            ? { text: JSON.stringify({ ...config, agents: agentSettings }), mode: 0o600 }
            : undefined,
      },
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const runtime = await startRuntime(parsed.settings, {
      manifest,
      write: (line) => lines.push(line),
      overrides: {
        store: createMemoryStore({ clock }),
        clock,
        async wait(ms, signal) {
          if (ms > PACE_MS) return wait(ms, signal);
          clockOffset += ms;
          plane.runWorker();
          return undefined;
        },
      },
    });
    onTestFinished(() => runtime.stop());
    await runtime.deps.ticks.runFresh("poll");
    await runtime.deps.drain();
    return runtime;
  }

  return {
    ...simulators,
    agents,
    getUser,
    /** The project ONB, whose members all agents are. */
    onb: project,
    lines,
    startRuntimeAndPoll,
    advance(ms: number) {
      clockOffset += ms;
      plane.runWorker();
    },
    /** Adds a task to ONB, or another project, for this agent. */
    addTask: (name: string, to: string | undefined, patch: ItemPatch = {}, where: Project = project): Item =>
      plane.addItem(where, { name, ...patch, assignees: to === undefined ? [] : [getUser(to)] }),
    /** The name of the user with this Plane id. */
    toUserName: (id: string | null) => agents.find((name) => getUser(name).id === id) ?? "Ada",
  };
}
