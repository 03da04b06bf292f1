import { PlaneNotFoundError } from "../plane/errors.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { single, singleQuery, snapshotOf } from "./door.ts";
import { itemPut, type ObserveDeps, type Outcome, observeItem, type Source } from "./item.ts";
import { keys } from "./keys.ts";
import { stillListed } from "./projects.ts";

/** How long it is remembered that an item was read, so that several asked reads become one. */
const LAST_READ_MS = 3_600_000;

/** Reads an item unless a read of it began after `asked` (store time). */
export async function readSince(
  deps: ObserveDeps,
  id: string,
  source: Omit<Source, "cause">,
  asked: number,
): Promise<void> {
  const key = keys.lastRead(id);
  const [last] = await deps.store.read<{ began: number }>([key]);
  const began = await deps.store.now();
  // One from times to come was before the store's clock was set back.
  if (last && last.value.began > asked && last.value.began <= began) return;
  await readItem(deps, id, source);
  await deps.store.commit({ put: [{ key, value: { began }, expires: LAST_READ_MS }] });
}

/** Reads one work item and observes what came: its snapshot, or that it is not there (404: deleted, archived, a draft). */
export async function readItem(
  deps: ObserveDeps,
  id: string,
  source: Omit<Source, "cause">,
  options?: { rereads?: boolean },
): Promise<Outcome> {
  const [[kept], began] = await Promise.all([deps.store.read<KeptItem>([keys.item(id)]), deps.store.now()]);
  const since = kept?.rev ?? 0;
  const snapshot = await readSnapshot(deps, source.project.id, id);
  const ended = await deps.store.now();
  const from = { ...source, cause: `${since}.${began}` };
  const seen = { since, began, ended };
  if (snapshot) return observeItem(deps, id, { via: "read", snapshot, ...seen }, from, options);
  const confirms = kept?.value.doubt?.gone !== undefined;
  if (confirms && !(await stillListed(deps, source.project.id))) return { events: [] };
  return observeItem(deps, id, { via: "absence", ...seen }, from, options);
}

async function readSnapshot(deps: ObserveDeps, project: string, item: string): Promise<Snapshot | undefined> {
  try {
    const { data } = await deps.plane.call(single, { params: { project, item }, query: singleQuery });
    return await snapshotOf(deps, data);
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Comments and relations were read completely, at least as new as this snapshot of the item (rule 2). */
export async function markDetailsRead(deps: Pick<ObserveDeps, "store">, read: KeptItem): Promise<void> {
  const key = keys.item(read.snapshot.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptItem>([key]);
    if (!kept || kept.value.gone !== undefined || (kept.value.detailsAt ?? "") >= read.snapshot.updatedAt) return;
    const next = { ...kept.value, detailsAt: read.snapshot.updatedAt };
    if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [itemPut(next)] })) === "kept") return;
  }
}
