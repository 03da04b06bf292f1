import { keepDefined } from "../../../shared/keep-defined.ts";
import type { Put, StoreKey } from "../../../shared/store/port.ts";
import type { ActionBody, EventKind } from "../../../shared/task/events.ts";
import type { Ms } from "../../../shared/time.ts";

/** What nobody wants to hear of for a while; forgotten by the store when its time is over. */
interface KeptMute {
  by: string;
  at: Ms;
  /** Store time; absent: until somebody takes it back. */
  until?: Ms;
}

/** Somebody waits for an answer to these, or something is wrong: they are told all the same. */
const NEVER_MUTED: readonly EventKind[] = ["asked", "review", "critical", "failed"];

/** @param subjectId a work item's or project's Plane id */
export const muteKey = (subjectId: string): StoreKey => `mute:${subjectId}`;

export function createMutePut(subjectId: string, mute: KeptMute | undefined): Put {
  const { until, at } = mute ?? {};
  const expires = until !== undefined && at !== undefined ? { expires: until - at } : {};
  return { key: muteKey(subjectId), value: mute, ...expires };
}

/** Where it is kept that somebody muted what this is about; one of them is enough. */
export function getMuteKeys({ event, facts }: ActionBody): StoreKey[] {
  if (NEVER_MUTED.includes(event.kind)) return [];
  return keepDefined([facts.project.id, facts.item?.id]).map(muteKey);
}
