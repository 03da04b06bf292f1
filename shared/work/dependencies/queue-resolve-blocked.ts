import { createWorkJob, toLabelsLane } from "../../jobs/work-jobs.ts";
import { readDependantIds } from "../../observe/dependency-edges.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { type KeptStuck, readBlockState } from "./block-state.ts";

export interface ItemJob {
  item: string;
  correlation: string;
}

/** After an item was cancelled or blocked: queues a check of its dependants. */
export async function blockDependants(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  await queueResolveBlocked(deps, await readDependantIds(deps, item), correlation);
}

/** After an item was started, unblocked or completed: queues a check of its dependants and of the item itself. */
export async function unblockDependants(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  await queueResolveBlocked(deps, [item, ...(await readDependantIds(deps, item))], correlation);
}

/** Queues a job for each of the items that must be blocked or released. Makes no request to Plane. */
export async function queueResolveBlocked(deps: WorkDeps, ids: Iterable<string>, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  for (const id of ids) {
    const { step } = await readBlockState(deps, id);
    if (step === "nothing") continue;
    const job = createWorkJob(`settle:${id}:${correlation}`, toLabelsLane(id), { do: "settle", item: id, correlation });
    await deps.store.commit({ jobs: [job] });
    deps.kick();
  }
}

/**
 * Does the same for all dependants and blocked tasks, from stored state, so that the effects of lost jobs are repaired.
 */
export async function queueResolveAllBlocked(deps: WorkDeps, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  const [edges, stuck] = await Promise.all([
    readAllRows<KeptEdge>(deps, observedSets.edges),
    readAllRows<KeptStuck>(deps, workSets.stuck),
  ]);
  const blockers = await deps.store.read<KeptItem>(edges.map(({ value }) => observedKeys.item(value.blocker)));
  const stuckEdges = edges.filter((_, i) => ["blocked", "cancelled"].includes(blockers[i]?.value.snapshot.word ?? ""));
  const ids = [...stuckEdges.map(({ value }) => value.blocked), ...stuck.map(({ value }) => value.item)];
  await queueResolveBlocked(deps, new Set(ids), correlation);
}
