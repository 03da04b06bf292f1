import { type DecisionRecord, decisionSet } from "../../shared/decision-log/decision-log.ts";
import { observedKeys, observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import type { Store } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";

/** Limit of open items that are read for one board, over all projects; people cannot survey more. */
const MAX_OPEN_ITEMS = 1_000;
/** Limit of decisions that are searched for closed items. */
const MAX_DECISIONS_SCANNED = 1_000;
const MAX_CLOSED_ITEMS = 40;

/** Reads the open items of these projects up to the limit, and the number of items beyond it. */
export async function readOpenItems(
  store: Pick<Store, "scan" | "count">,
  projects: readonly KeptProject[],
): Promise<{ items: KeptItem[]; beyond: number }> {
  const items: KeptItem[] = [];
  let total = 0;
  for (const { id } of projects) {
    total += await store.count(observedSets.open(id));
    if (items.length >= MAX_OPEN_ITEMS) continue;
    const { rows } = await store.scan<KeptItem>(observedSets.open(id), undefined, MAX_OPEN_ITEMS - items.length);
    items.push(...rows.map((row) => row.value));
  }
  return { items, beyond: total - items.length };
}

/** Reads the items of these projects that were closed within the retention of the decision log (7 days), latest first. */
export async function readRecentlyClosedItems(
  store: Pick<Store, "scan" | "read">,
  projects: readonly KeptProject[],
): Promise<KeptItem[]> {
  const ids = new Set<string>();
  const { rows } = await store.scan<DecisionRecord>(decisionSet, undefined, MAX_DECISIONS_SCANNED);
  for (const { value } of rows) {
    const isClosing = value.event.kind === "completed" || value.event.kind === "cancelled";
    const isInProject = projects.some(({ identifier }) => identifier === value.project.identifier);
    if (isClosing && isInProject && value.item && ids.size < MAX_CLOSED_ITEMS) ids.add(value.item.id);
  }
  const kept = await store.read<KeptItem>([...ids].map(observedKeys.item));
  return kept.flatMap((item) => {
    const status = item?.value.snapshot.word;
    return item && item.value.gone === undefined && (status === "done" || status === "cancelled") ? [item.value] : [];
  });
}
