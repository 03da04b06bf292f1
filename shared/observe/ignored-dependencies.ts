import type { Put, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import { evaluateBlockers } from "./evaluate-blockers.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge } from "./stored-records.ts";

/**
 * A relation that exists in Plane and that does not count: an agent removed the dependency, and Plane's API cannot
 * remove relations. It is stored until a read no longer finds the relation in Plane.
 */
export interface KeptIgnoredDependency {
  blocked: string;
  blocker: string;
}

/** Drops stored dependencies from now on, although Plane keeps their relations. Repeating the call has no effect. */
export async function ignoreDependencies(
  deps: ObserveDeps,
  blocked: string,
  blockers: readonly string[],
  correlation: string,
): Promise<void> {
  for (const blocker of blockers) {
    await updateValue<KeptEdge>(deps, observedKeys.edge(blocked, blocker), (edge) => {
      const value: KeptIgnoredDependency = { blocked, blocker };
      const mark: Put = {
        key: observedKeys.ignoredDependency(blocked, blocker),
        value,
        sets: [observedSets.ignoredDependencies(blocked)],
      };
      return { put: edge ? [mark, { key: observedKeys.edge(blocked, blocker), value: undefined }] : [mark] };
    });
  }
  await evaluateBlockers(deps, blocked, correlation);
}

/** Lets dependencies count again, before they are added again. */
export async function restoreDependencies(
  { store }: Pick<ObserveDeps, "store">,
  blocked: string,
  blockers: readonly string[],
): Promise<void> {
  const keys = blockers.map((blocker) => observedKeys.ignoredDependency(blocked, blocker));
  const ignored = await store.read(keys);
  const put = keys.flatMap((key, i) => (ignored[i] ? [{ key, value: undefined }] : []));
  if (put.length > 0) await store.commit({ put });
}

/** Removes the dependencies that do not count from those of a read. */
export async function dropIgnoredDependencies(
  { store }: Pick<ObserveDeps, "store">,
  edges: ReadonlyMap<StoreKey, KeptEdge>,
): Promise<Map<StoreKey, KeptEdge>> {
  const entries = [...edges];
  const ignored = await store.read(
    entries.map(([, { blocked, blocker }]) => observedKeys.ignoredDependency(blocked, blocker)),
  );
  return new Map(entries.filter((_, i) => !ignored[i]));
}

/** The puts that forget ignored dependencies of an item whose relations Plane no longer has. */
export async function forgetEndedRelations(
  deps: Pick<ObserveDeps, "store">,
  blocked: string,
  edges: ReadonlyMap<StoreKey, KeptEdge>,
): Promise<Put[]> {
  const ignored = await readAllRows<KeptIgnoredDependency>(deps, observedSets.ignoredDependencies(blocked));
  return ignored
    .filter(({ value }) => !edges.has(observedKeys.edge(blocked, value.blocker)))
    .map(({ key }) => ({ key, value: undefined }));
}
