import { getErrorMessage } from "../../shared/errors.ts";
import { createGatewaySimulator } from "../../simulators/openclaw/create-gateway-simulator.ts";
import type { AgentWords } from "../workspace-texts.ts";
import { createBridgeClient } from "./bridge-client.ts";
import { createScriptedConcierge } from "./scripted-concierge.ts";
import { createScriptedWorker } from "./scripted-worker.ts";
import type { FindTaskScript } from "./task-scripts.ts";

interface TeamOptions {
  /** Bridge tokens by the agents' names. The first agent is the Concierge. */
  tokens: Readonly<Record<string, string>>;
  /** The token of the gateway's hooks. */
  hookToken: string;
  /** Groundcrew's address. */
  url: string;
  narrate: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** Whether the demo is ending; then agents end their runs. */
  isOver: () => boolean;
  /** Duration of one step of work, in milliseconds. */
  pace: number;
  /** Delay before a repeated call, in milliseconds. Default: `pace`. */
  retryDelay?: number;
  findScript: FindTaskScript;
  words: AgentWords;
}

/**
 * Creates a simulated OpenClaw gateway whose runs are scripted agents. An agent does nothing until Groundcrew wakes it;
 * then it does what the wake asks, and its own tasks, until none is left.
 */
export function createAgentTeam(options: TeamOptions) {
  const { tokens, hookToken, url, narrate, wait, isOver, pace, retryDelay = pace, findScript, words } = options;
  const runs = new Map<string, (message: string) => Promise<void>>();
  const lastRuns = new Map<string, Promise<void>>();
  let active = 0;

  for (const [i, [name, token]] of Object.entries(tokens).entries()) {
    const bridge = createBridgeClient({ name, url, token, narrate, wait, isOver, retryDelay });
    const worker = createScriptedWorker({ name, bridge, narrate, wait, isOver, pace, findScript, words });
    const concierge = i === 0 ? createScriptedConcierge({ name, bridge, narrate, words }) : undefined;
    runs.set(name.toLowerCase(), async (message) => {
      await concierge?.handleWake(message);
      await worker.workAllTasks();
    });
  }

  /** Runs of one agent follow each other, so that it does not work on the same task twice. */
  async function runAgent(agent: string, message: string): Promise<void> {
    const run = runs.get(agent);
    if (!run) throw new Error(`There is no agent ${agent}.`);
    active += 1;
    const previous = lastRuns.get(agent) ?? Promise.resolve();
    const current = previous
      .then(() => run(message))
      .catch((thrown: unknown) => narrate(`The run of ${agent} failed: ${getErrorMessage(thrown)}`))
      .finally(() => {
        active -= 1;
      });
    lastRuns.set(agent, current);
    await current;
  }

  const gateway = createGatewaySimulator({
    version: "2026.9.6",
    token: hookToken,
    agents: [...runs.keys()],
    onRun: ({ agent, message }) => runAgent(agent, message),
  });

  return {
    gateway,
    /** Number of runs that have not ended. */
    get activeRuns() {
      return active;
    },
  };
}
