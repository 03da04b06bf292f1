import { onTestFinished } from "vitest";
import { createAgentTeam } from "../../demo/agents/agent-team.ts";
import { WORKSPACE_TEXTS } from "../../demo/workspace-texts.ts";
import { wait } from "../../shared/time.ts";

/** The scripted agents, as in the settings file. */
export const TEAM = [
  { name: "Concierge", role: "concierge", about: "Plans." },
  { name: "Ptah", role: "worker", about: "Can design and test." },
  { name: "Seshat", role: "worker", about: "Can build." },
].map((agent) => ({ ...agent, email: `${agent.name.toLowerCase()}@javisi.local.test`, wake: "openclaw" }));

type Options = Parameters<typeof createAgentTeam>[0];

/**
 * Starts them behind a simulated OpenClaw until the test ends. They call the bridge at `url` as real ones do; `env` has
 * the settings with which the product knows them.
 */
export async function startAgentTeam(url: string, options: Pick<Options, "findScript"> & Partial<Options>) {
  const tokens = Object.fromEntries(TEAM.map(({ name }) => [name, `bridge-token-of-${name}-in-these-tests`]));
  const hookToken = "hook-token-of-these-tests";
  const ending = new AbortController();
  const team = createAgentTeam({
    ...{ tokens, hookToken, url, words: WORKSPACE_TEXTS.en.agents, pace: 0, narrate: () => {} },
    wait: (ms) => wait(ms, ending.signal),
    isOver: () => ending.signal.aborted,
    ...options,
  });
  const OPENCLAW_URL = await team.gateway.start();
  onTestFinished(async () => {
    ending.abort();
    await team.gateway.stop();
  });
  const tokenSettings = Object.entries(tokens).map(([name, token]) => [`AGENT_TOKEN_${name.toUpperCase()}`, token]);
  return { team, env: { OPENCLAW_URL, OPENCLAW_HOOK_TOKEN: hookToken, ...Object.fromEntries(tokenSettings) } };
}
