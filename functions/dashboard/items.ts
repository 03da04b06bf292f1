import type { KeptProject } from "../../shared/observe/kept.ts";
import { keys, sets } from "../../shared/observe/keys.ts";
import type { Store } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { trail, type Why } from "../../shared/why/trail.ts";

/** So many open items are looked at for one board, over all its projects: what people can still look through. */
const OPEN = 1_000;
/** So far back in the trail what was done is looked for. */
const TRAIL = 1_000;
const DONE = 40;

/** The open items of these projects, as many as are looked at, and how many there are beyond. */
export async function openItems(
  store: Pick<Store, "scan" | "count">,
  projects: readonly KeptProject[],
): Promise<{ items: KeptItem[]; beyond: number }> {
  const items: KeptItem[] = [];
  let total = 0;
  for (const { id } of projects) {
    total += await store.count(sets.open(id));
    if (items.length >= OPEN) continue;
    const { rows } = await store.scan<KeptItem>(sets.open(id), undefined, OPEN - items.length);
    items.push(...rows.map((row) => row.value));
  }
  return { items, beyond: total - items.length };
}

/** What was done in these projects since the trail began (7 days), the latest first. */
export async function recentlyDone(
  store: Pick<Store, "scan" | "read">,
  projects: readonly KeptProject[],
): Promise<KeptItem[]> {
  const ids = new Set<string>();
  const { rows } = await store.scan<Why>(trail, undefined, TRAIL);
  for (const { value } of rows) {
    const ended = value.event.kind === "completed" || value.event.kind === "cancelled";
    const isHere = projects.some(({ identifier }) => identifier === value.project.identifier);
    if (ended && isHere && value.item && ids.size < DONE) ids.add(value.item.id);
  }
  const kept = await store.read<KeptItem>([...ids].map(keys.item));
  return kept.flatMap((item) => {
    const word = item?.value.snapshot.word;
    return item && item.value.gone === undefined && (word === "done" || word === "cancelled") ? [item.value] : [];
  });
}
