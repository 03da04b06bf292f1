import { PlaneNotFoundError } from "../plane/errors.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { HOUR } from "../time.ts";
import { isProjectListed } from "./is-project-listed.ts";
import { normalizeItem, singleItemEndpoint, singleItemQuery } from "./normalize.ts";
import { type ObservationSource, type ObserveDeps, type ObservedOutcome, observeItem } from "./observe-item.ts";
import { observedKeys } from "./store-keys.ts";

/** Retention of an item's last read time: 1 hour, so that several requested reads become one. */
const LAST_READ_RETENTION_MS = HOUR;

/** Reads an item unless a read of it began after `requestedAt` (store time). */
export async function readItemSince(
  deps: ObserveDeps,
  id: string,
  source: Omit<ObservationSource, "cause">,
  requestedAt: number,
): Promise<void> {
  const key = observedKeys.lastRead(id);
  const [last] = await deps.store.read<{ began: number }>([key]);
  const began = await deps.store.now();
  // A time in the future was stored before the store's clock was set back, so it does not count.
  if (last && last.value.began > requestedAt && last.value.began <= began) return;
  await readItem(deps, id, source);
  await deps.store.commit({ put: [{ key, value: { began }, expires: LAST_READ_RETENTION_MS }] });
}

/** Reads one work item and observes its snapshot, or its absence (404: deleted, archived or a draft). */
export async function readItem(
  deps: ObserveDeps,
  id: string,
  source: Omit<ObservationSource, "cause">,
  options?: { rereads?: boolean },
): Promise<ObservedOutcome> {
  const [[kept], began] = await Promise.all([deps.store.read<KeptItem>([observedKeys.item(id)]), deps.store.now()]);
  const since = kept?.rev ?? 0;
  const snapshot = await readSnapshot(deps, source.project.id, id);
  const ended = await deps.store.now();
  const itemSource = { ...source, cause: `${since}.${began}` };
  const readTimes = { since, began, ended };
  if (snapshot) return observeItem(deps, id, { via: "read", snapshot, ...readTimes }, itemSource, options);
  const isConfirmation = kept?.value.doubt?.gone !== undefined;
  if (isConfirmation && !(await isProjectListed(deps, source.project.id))) return { events: [] };
  return observeItem(deps, id, { via: "absence", ...readTimes }, itemSource, options);
}

async function readSnapshot(deps: ObserveDeps, project: string, item: string): Promise<Snapshot | undefined> {
  try {
    const { data } = await deps.plane.call(singleItemEndpoint, { params: { project, item }, query: singleItemQuery });
    return await normalizeItem(deps, data);
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}
