import type { Put } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isWaitingForDetails, listUnreadParts } from "../task/unread-details.ts";
import { observedKeys, observedSets, TOMBSTONE_RETENTION_MS } from "./store-keys.ts";

/** Converts an item to its stored record with its sets. A removed item is in no set and expires after 30 days. */
export function toItemPut(item: KeptItem): Put {
  const { id, project, sequence, word } = item.snapshot;
  const key = observedKeys.item(id);
  if (item.gone !== undefined) return { key, value: item, sets: [], expires: TOMBSTONE_RETENTION_MS };
  const numberSet = observedSets.numbered(project, sequence);
  if (item.snapshot.quiet) return { key, value: item, sets: [observedSets.quiet(project), numberSet] };
  const openSets = isOpen(word) ? [observedSets.open(project)] : [];
  const waitingSets = item.blockers.length > 0 ? [observedSets.waiting] : [];
  const ownerSets = isOpen(word) ? (item.owners ?? []).map(observedSets.tasks) : [];
  const isUnknownTask = item.blockersUnknown === true && ownerSets.length > 0;
  const unknownSets = isUnknownTask ? [observedSets.unknownTasks] : [];
  const unreadParts = isWaitingForDetails(item) ? listUnreadParts(item) : [];
  const detailsSets = unreadParts.map(({ rank }) => observedSets.unreadDetails(rank));
  return {
    key,
    value: item,
    sets: [
      observedSets.items(project),
      numberSet,
      ...openSets,
      ...waitingSets,
      ...ownerSets,
      ...unknownSets,
      ...detailsSets,
    ],
  };
}

/** Converts an item whose change since revision `rev` is not an observation, for example progress of reading details. */
export function toUnobservedPut(item: KeptItem, rev: number): Put {
  return toItemPut({ ...item, observedRev: item.observedRev ?? rev });
}
