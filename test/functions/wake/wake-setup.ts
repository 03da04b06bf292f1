import { createWakeRules } from "../../../functions/wake/rules.ts";
import { wakeHandler } from "../../../functions/wake/wake-handler.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { type KeptLastCall, wakeKeys } from "../../../shared/wake/wake-record.ts";
import type { OpenClawVersion } from "../../../simulators/openclaw/answer-hook.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";

/** Creates agents with work in Plane, and the gateway that wakes them. `known`: the agents that the gateway knows. */
export async function createWakeSetup(
  version: OpenClawVersion = "2026.9.6",
  agents: Record<string, object> = {},
  known?: readonly string[],
) {
  const gateway = await startGateway({ version, ...omitUndefined({ agents: known }) });
  const openclaw = { kind: "openclaw", url: gateway.url };
  const app = await createAgentTestApp({
    agents: { Imhotep: { wake: openclaw }, Concierge: { role: "concierge", wake: openclaw }, ...agents },
    parts: { jobHandlers: [wakeHandler], ruleSets: (settings) => [createWakeRules(settings.agents)] },
    setUpPlane: () => ({ OPENCLAW_HOOK_TOKEN: gateway.token }),
  });
  await app.runFirstPoll();
  let takenCount = 0;
  const setup = {
    app,
    gateway,
    /** Wakes that the gateway received since the last call, as `agent: keys`. */
    takeRuns() {
      const newRuns = gateway.runs.slice(takenCount);
      takenCount = gateway.runs.length;
      return newRuns.map(({ agent, message }) => {
        const keys = message.matchAll(/"task":"([^"]+)"/g);
        return `${agent}: ${[...keys].map(([, key]) => key).join(" ")}`;
      });
    },
    /** Advances time by this many seconds and works all due jobs. */
    async advanceSeconds(n: number) {
      for (let i = 0; i < n; i++) {
        await app.drain();
        app.advance(1_000);
      }
      await app.drain();
    },
    /** The agent calls the bridge. */
    async recordAgentCall(agent: string) {
      const value: KeptLastCall = { at: await app.store.now() };
      await app.store.commit({ put: [{ key: wakeKeys.lastCall(agent), value }] });
    },
  };
  return setup;
}
