import { onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { type Runtime, startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { wait } from "../../shared/time.ts";
import type { Item, ItemPatch, Project, User } from "../../simulators/plane/types.ts";
import { createTestSettings } from "../support/settings.ts";
import { startSimulators } from "./simulators.ts";

/** Limit of waits that advance the clock instead of taking real time: those of an agent's pace. */
const PACE_MS = 2_000;

interface BridgeOptions {
  /** Names; the first is the Concierge. */
  agents: readonly string[];
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  /** How every agent is woken, as in the settings file. Default: not at all. */
  wake?: Record<string, unknown>;
}

/**
 * Creates the whole runtime with every route, tick, queue and rule, with a simulated Plane over HTTP.
 * An agent's pace (1 request/s) advances the clock and takes no real time. Call `startRuntimeAndPoll` after adding tasks.
 */
export async function startRuntimeWithAgents({ agents: names, config, wake }: BridgeOptions) {
  let clockOffset = 0;
  const clock = () => Date.now() + clockOffset;
  const simulators = await startSimulators({ clock });
  const { plane } = simulators;
  const { agents: added, users, tokens, keys } = simulators.addAgents(names);
  const toRole = (i: number) => (i === 0 ? "concierge" : "worker");
  const agents = added.map((agent, i) => ({ ...agent, role: toRole(i), ...omitUndefined({ wake }) }));
  const project = simulators.addProject();
  const lines: string[] = [];

  function getUser(name: string): User {
    const found = users[names.indexOf(name)];
    if (!found) throw new Error(`Unknown agent ${name}.`);
    return found;
  }
  const advance = (ms: number) => {
    clockOffset += ms;
    plane.runWorker();
  };

  async function startRuntimeAndPoll(env: Record<string, string> = {}): Promise<Runtime> {
    simulators.takeWebhookBodies();
    const settings = createTestSettings(
      {
        ...Object.fromEntries(Object.entries(simulators.env).filter(([name]) => !name.startsWith("TELEGRAM_"))),
        ...{ PORT: "0", STORE_URL: "memory:", GROUNDCREW_CONFIG: "crew.json", LOG_LEVEL: "debug" },
        ...{ ...tokens, ...keys, ...env },
      },
      { "crew.json": JSON.stringify({ ...config, agents }) },
    );
    const waitOrAdvance = async (ms: number, signal?: AbortSignal) => (ms > PACE_MS ? wait(ms, signal) : advance(ms));
    const runtime = await startRuntime(settings, {
      manifest,
      write: (line) => lines.push(line),
      overrides: { store: createMemoryStore({ clock }), clock, wait: waitOrAdvance },
    });
    onTestFinished(() => runtime.stop());
    await runtime.deps.ticks.runFresh("poll");
    await runtime.deps.drain();
    return runtime;
  }

  return {
    ...simulators,
    getUser,
    /** The project ONB, whose members all agents are. */
    onb: project,
    lines,
    startRuntimeAndPoll,
    advance,
    /** Adds a task to ONB, or another project, for this agent. */
    addTask: (name: string, to: string | undefined, patch: ItemPatch = {}, where: Project = project): Item =>
      plane.addItem(where, { name, ...patch, assignees: to === undefined ? [] : [getUser(to)] }),
  };
}
