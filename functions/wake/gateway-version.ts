import type { Deps } from "../../shared/app/deps.ts";
import { isWaitingSupported } from "../../shared/outgoing/openclaw-probe.ts";
import { type PostResult, postJson } from "../../shared/outgoing/post-json.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";

/** How OpenClaw wakes: each version has a mode that costs one model run. */
export type WakeMode = "now" | "next-heartbeat";

/** The stored mode of a gateway. */
interface KeptGateway {
  mode: WakeMode;
}

type GatewayDeps = Pick<Deps, "store" | "fetch">;

/**
 * Finds the wake mode that costs one run: 2026.2 starts a second one, a heartbeat, with `now`, and starts the agent at
 * once with `next-heartbeat` as well; 2026.9 takes `now`. The version shows in the answers, and it is stored. An unknown
 * gateway is asked with a request that starts no run. Returns the gateway's refusal when it does not answer as such.
 */
export async function findWakeMode(
  deps: GatewayDeps,
  url: string,
  token: string,
): Promise<{ mode: WakeMode } | { refused: PostResult }> {
  const [kept] = await deps.store.read<KeptGateway>([wakeKeys.gateway(url)]);
  if (kept) return { mode: kept.value.mode };
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  // Only 2026.9 knows the field, which it checks before it misses the message.
  const body = JSON.stringify({ waitForCompletion: "groundcrew" });
  const result = await postJson(deps, `${url}/hooks/agent`, headers, body, { readsText: true });
  // Without an answer the wake itself is tried: the older version's mode starts a run in both.
  if (result.status === undefined && !result.notSent) return { mode: "next-heartbeat" };
  if (result.status !== 400) return { refused: { ...result, ok: false } };
  const mode = isWaitingSupported(result.text ?? "") ? "now" : "next-heartbeat";
  await storeWakeMode(deps, url, mode);
  return { mode };
}

/** Stores the mode of the version that answered a wake: 2026.9 accepts with 200, 2026.2 with 202. */
export async function rememberVersion(deps: GatewayDeps, url: string, mode: WakeMode, status: number | undefined) {
  const answered = status === 200 ? "now" : status === 202 ? "next-heartbeat" : undefined;
  if (answered !== undefined && answered !== mode) await storeWakeMode(deps, url, answered);
}

async function storeWakeMode({ store }: Pick<Deps, "store">, url: string, mode: WakeMode): Promise<void> {
  await store.commit({ put: [{ key: wakeKeys.gateway(url), value: { mode } satisfies KeptGateway }] });
}
