import type { Agent } from "../config/file.ts";
import type { Deps } from "../deps.ts";
import type { KeptProject } from "../observe/kept.ts";
import { keys } from "../observe/keys.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { KeptClaim } from "../work/claims.ts";
import { workKeys } from "../work/keys.ts";
import { isStartable } from "./actionable.ts";
import { gatherWake } from "./gather.ts";
import { type KeptWake, NO_WAKE, type WakeTask, wakeKeys } from "./kept.ts";

/**
 * Wakes an agent for its startable tasks it was never told of, and forgets those that are startable no longer, so
 * that they are told anew when they are again: what a lost event or a lost store left behind heals (rule 10).
 * `ready` are the ids of those that it could start if nobody is at them. Answers how many tasks it is woken for.
 */
export async function wakeFromState(
  deps: Pick<Deps, "store" | "kick">,
  agent: Agent,
  ready: readonly string[],
): Promise<number> {
  if (agent.wake.kind === "none") return 0;
  const { name } = agent;
  const claims = await deps.store.read<KeptClaim>(ready.map(workKeys.claim));
  const startable = ready.filter((_, i) => claims[i] === undefined);
  const [kept] = await deps.store.read<KeptWake>([wakeKeys.wake(name)]);
  const { told } = kept?.value ?? NO_WAKE;
  const ids = new Set(startable);
  if (kept && Object.keys(told).some((id) => !ids.has(id))) await forget(deps, name, ids);
  const untold = startable.filter((id) => told[id] === undefined);
  if (untold.length === 0) return 0;
  const seen = await deps.store.read<KeptItem>(untold.map(keys.item));
  const news = seen.flatMap((one) => (one && isStartable(one.value, name, undefined) ? [one] : []));
  if (news.length === 0) return 0;
  const found = Object.fromEntries(news.map(({ value, rev }) => [value.snapshot.id, rev]));
  const tasks = await named(
    deps,
    news.map(({ value }) => value),
  );
  await gatherWake(deps, name, tasks, { found });
  return news.length;
}

async function forget(deps: Pick<Deps, "store">, agent: string, startable: ReadonlySet<string>): Promise<void> {
  const key = wakeKeys.wake(agent);
  const [kept] = await deps.store.read<KeptWake>([key]);
  if (!kept) return;
  const { told: all, found: early = {}, ...rest } = kept.value;
  const [told = {}, found = {}] = [all, early].map((of) =>
    Object.fromEntries(Object.entries(of).filter(([id]) => startable.has(id))),
  );
  // Stale: something is being told at this moment; the next tick looks again.
  await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value: { ...rest, told, found } }] });
}

async function named(deps: Pick<Deps, "store">, items: readonly KeptItem[]): Promise<WakeTask[]> {
  const projects = await deps.store.read<KeptProject>(items.map(({ snapshot }) => keys.project(snapshot.project)));
  return items.map(({ snapshot }, i) => ({
    id: snapshot.id,
    key: `${projects[i]?.value.identifier ?? "?"}-${snapshot.sequence}`,
    reason: "assigned",
    title: snapshot.name,
  }));
}
