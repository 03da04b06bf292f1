import type { Deps } from "../../shared/app/deps.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";

/** When OpenClaw reports the end of a run to the agent's main session. It starts the run itself at once in both modes. */
export type WakeMode = "now" | "next-heartbeat";

/** The stored mode of a gateway. */
interface KeptGateway {
  mode: WakeMode;
}

type GatewayDeps = Pick<Deps, "store">;

/**
 * Reads the wake mode that costs one run: 2026.2 starts a second one, a heartbeat, with `now`; 2026.9 takes `now`. A
 * gateway that has not answered yet gets the mode that costs one run in either version.
 */
export async function readWakeMode({ store }: GatewayDeps, url: string): Promise<WakeMode> {
  const [kept] = await store.read<KeptGateway>([wakeKeys.gateway(url)]);
  return kept?.value.mode ?? "next-heartbeat";
}

/** Stores the mode of the version that answered a wake, unless it is known: 2026.9 accepts with 200, 2026.2 with 202. */
export async function recordGatewayVersion({ store }: GatewayDeps, url: string, status: number | undefined) {
  const mode: WakeMode | undefined = status === 200 ? "now" : status === 202 ? "next-heartbeat" : undefined;
  if (mode === undefined || mode === (await readWakeMode({ store }, url))) return;
  await store.commit({ put: [{ key: wakeKeys.gateway(url), value: { mode } satisfies KeptGateway }] });
}
