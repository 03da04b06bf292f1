import { isSameSnapshot } from "../task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { toItemPut } from "./item-put.ts";
import { isUnchanged, type ObserveDeps, observeItem } from "./observe-item.ts";
import { resolveOwnership } from "./ownership.ts";
import { getNewSince } from "./project-record.ts";
import { requestItemDetails } from "./request-details.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** Limit of snapshots in one commit at a baseline: 200. */
const COMMIT_SIZE = 200;

/** When a page was read, in store time, and the latest revision before the pass. */
interface PageReadTimes {
  since: number;
  began: number;
  ended: number;
}

interface PageOutcome {
  /** Number of items that differed from the stored state. */
  changed: number;
  /** Ids of the items with an unconfirmed loss. */
  unconfirmed: string[];
}

/** Observes the items of one page. Items that existed before a project's baseline are stored without events. */
export async function observePage(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  readTimes: PageReadTimes,
  correlation: string,
): Promise<PageOutcome> {
  const outcome: PageOutcome = { changed: 0, unconfirmed: [] };
  const kept = await deps.store.read<KeptItem>(snapshots.map((snapshot) => observedKeys.item(snapshot.id)));
  const existing: Snapshot[] = [];
  const since = project.baseline ? project.began : getNewSince(project);
  for (const [i, snapshot] of snapshots.entries()) {
    const before = kept[i];
    if (isUnchanged(before?.value, (other) => isSameSnapshot(other, snapshot))) {
      if ((before.value.detailsAt ?? "") < snapshot.updatedAt)
        await requestItemDetails(deps, snapshot.id, { project, correlation });
    } else if (!before && !project.baseline && snapshot.createdAt < since && snapshot.updatedAt < since) {
      existing.push(snapshot);
    } else {
      const source = { project, correlation, cause: `${correlation}:${before?.rev ?? 0}`, newSince: since };
      const { rereadIn } = await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
      if (rereadIn !== undefined) outcome.unconfirmed.push(snapshot.id);
      outcome.changed += 1;
    }
  }
  for (let i = 0; i < existing.length; i += COMMIT_SIZE)
    await commitExistingItems(deps, project, existing.slice(i, i + COMMIT_SIZE), readTimes, correlation);
  return outcome;
}

/** Stores many existing items in one commit; when one of them was stored meanwhile, observes each item instead. */
async function commitExistingItems(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  readTimes: PageReadTimes,
  correlation: string,
): Promise<void> {
  const items = await Promise.all(
    snapshots.map((snapshot) =>
      resolveOwnership(deps, undefined, {
        snapshot,
        blockers: [],
        blockersUnknown: true,
        detailsAt: snapshot.updatedAt,
      }),
    ),
  );
  const result = await deps.store.commit({
    expect: snapshots.map((snapshot) => [observedKeys.item(snapshot.id), 0]),
    put: items.map(toItemPut),
  });
  if (result === "kept") return;
  for (const snapshot of snapshots) {
    const source = { project, correlation, cause: correlation, newSince: getNewSince(project) };
    await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
  }
}
