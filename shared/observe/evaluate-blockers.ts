import { omitUndefined } from "../omit-undefined.ts";
import type { StoredRow } from "../store/port.ts";
import { readAllRows, scanRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import { diff, isBlockingOthers } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { toEdgeSets } from "./dependency-edges.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareItemUpdate } from "./prepare-item-update.ts";
import { isReadableProject } from "./project-record.ts";
import { readItem } from "./read-item.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge, KeptProject } from "./stored-records.ts";

/**
 * Computes an item's open blockers from the stored relations and snapshots. An unknown blocker is read once if its
 * project can be read; otherwise no request is sent to Plane. Changes that come only from relations that existed before
 * the observation began cause no events: until such a blocker has been observed, it is unknown whether it was open.
 */
export async function evaluateBlockers(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  await updateValue<KeptItem>(deps, observedKeys.item(id), async (kept, rev) => {
    if (!kept || kept.gone !== undefined) return undefined;
    const [project] = await deps.store.read<KeptProject>([observedKeys.project(kept.snapshot.project)]);
    if (!project || !isReadableProject(project.value)) return undefined;
    const edges = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
    const items = await deps.store.read<KeptItem>(edges.map((row) => observedKeys.item(row.value.blocker)));
    const unknown = edges.filter((row, i) => !items[i] && !row.value.absent);
    if (await readUnknownBlockers(deps, unknown, correlation)) {
      // The values read above are older than the reads from Plane, so the evaluation starts over.
      await evaluateBlockers(deps, id, correlation);
      return undefined;
    }
    // A blocker that cannot be read yet counts as open, because starting too early is worse than waiting.
    const open = edges.filter(
      (row, i) =>
        isBlockingOthers(items[i]?.value, deps.settings.done.dependants_wait) && !(row.value.absent && !items[i]),
    );
    const blockers = open.map((row) => row.value.blocker).sort();
    const changed = [
      ...blockers.filter((blocker) => !kept.blockers.includes(blocker)),
      ...kept.blockers.filter((blocker) => !blockers.includes(blocker)),
    ];
    const settledEdges = edges.filter((row, i) => row.value.unsaid && (items[i] || row.value.absent));
    const [relations] = kept.blockersUnknown ? await deps.store.read([observedKeys.relations(id)]) : [];
    if (changed.length === 0 && settledEdges.length === 0 && !relations) return undefined;

    const { blockersUnknown, ...rest } = kept;
    const next: KeptItem = {
      ...rest,
      blockers,
      ...omitUndefined({ blockersUnknown: relations ? undefined : blockersUnknown }),
    };
    const isSilent = changed.every((id) => edges.some(({ value }) => value.blocker === id && value.unsaid));
    // A task whose blocker was cancelled is not unblocked: it stays blocked because of the cancellation (OPENCLAW-14).
    const hasCancelledBlocker =
      deps.settings.agents.length > 0 &&
      items.some(
        (blocker) => blocker?.value.snapshot.word === "cancelled" && changed.includes(blocker.value.snapshot.id),
      );
    return prepareItemUpdate(deps, {
      before: kept,
      rev,
      next,
      events: isSilent ? [] : diff(kept, next).filter(({ kind }) => kind !== "unblocked" || !hasCancelledBlocker),
      source: { project: project.value, correlation, cause: correlation },
      via: "relations",
      jobs: [],
      extraWrites: {
        expect: settledEdges.map((row) => [row.key, row.rev]),
        put: settledEdges.map(({ key, value: { unsaid: _, ...edge } }) => ({
          key,
          value: edge,
          sets: toEdgeSets(edge),
        })),
      },
    });
  });
}

/**
 * Reads unknown blockers of projects that have a baseline, for example archived items, which no list contains. True
 * when it read any.
 */
async function readUnknownBlockers(
  deps: ObserveDeps,
  unknown: StoredRow<KeptEdge>[],
  correlation: string,
): Promise<boolean> {
  const projects = await deps.store.read<KeptProject>(
    unknown.map((row) => observedKeys.project(row.value.blockerProject)),
  );
  let hasRead = false;
  for (const [i, { key, value, rev }] of unknown.entries()) {
    const project = projects[i]?.value;
    if (!project?.baseline || !isReadableProject(project)) continue;
    hasRead = true;
    await readItem(deps, value.blocker, { project, correlation });
    const [found] = await deps.store.read([observedKeys.item(value.blocker)]);
    if (found) continue;
    const put = [{ key, value: { ...value, absent: true }, sets: toEdgeSets(value) }];
    await deps.store.commit({ expect: [[key, rev]], put });
  }
  return hasRead;
}

/**
 * Evaluates the blockers of all items with dependencies: repairs what a lost job left out of date (observation rule
 * 10).
 */
export async function evaluateAllBlockers(deps: ObserveDeps, correlation: string): Promise<void> {
  const ids = new Set((await readAllRows<KeptEdge>(deps, observedSets.edges)).map(({ value }) => value.blocked));
  for await (const { value } of scanRows<KeptItem>(deps, observedSets.waiting)) ids.add(value.snapshot.id);
  for (const id of ids) await evaluateBlockers(deps, id, correlation);
}
