import { wakeRules } from "../../../functions/wake/rules.ts";
import { wake } from "../../../functions/wake/worker.ts";
import { type KeptSeen, wakeKeys } from "../../../shared/wake/kept.ts";
import { type OpenClawVersion, startGateway } from "../../openclaw.ts";
import { createWorkCrew } from "../../work-crew.ts";

/** Agents with work in Plane, and the gateway that wakes them. `known`: the agents that the gateway has. */
export async function createRig(
  version: OpenClawVersion = "2026.9.6",
  agents: Record<string, object> = {},
  known?: readonly string[],
) {
  const gateway = await startGateway({ version, ...(known && { agents: known }) });
  const openclaw = { kind: "openclaw", url: gateway.url };
  const crew = await createWorkCrew({
    agents: { Imhotep: { wake: openclaw }, Concierge: { role: "concierge", wake: openclaw }, ...agents },
    parts: { workers: [wake], consumers: (settings) => [wakeRules(settings.agents)] },
    staff: () => ({ OPENCLAW_HOOK_TOKEN: gateway.token }),
  });
  await crew.begin();
  let seen = 0;
  const rig = {
    crew,
    gateway,
    /** What the gateway was told since the last look, as `agent: keys`. */
    told() {
      const news = gateway.runs.slice(seen);
      seen = gateway.runs.length;
      return news.map(({ agent, message }) => {
        const keys = message.matchAll(/"task":"([^"]+)"/g);
        return `${agent}: ${[...keys].map(([, key]) => key).join(" ")}`;
      });
    },
    /** So many seconds in which everything due is worked. */
    async seconds(n: number) {
      for (let i = 0; i < n; i++) {
        await crew.drain();
        crew.pass(1_000);
      }
      await crew.drain();
    },
    /** The agent calls the bridge. */
    async calls(agent: string) {
      const value: KeptSeen = { at: await crew.store.now() };
      await crew.store.commit({ put: [{ key: wakeKeys.seen(agent), value }] });
    },
  };
  return rig;
}
