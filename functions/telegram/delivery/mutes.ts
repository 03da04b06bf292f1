import { keepDefined } from "../../../shared/keep-defined.ts";
import type { Put, StoreKey } from "../../../shared/store/port.ts";
import type { EventKind } from "../../../shared/task/events.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import type { Ms } from "../../../shared/time.ts";

/** A muted task or project. The store deletes the record when the mute ends. */
interface KeptMute {
  by: string;
  at: Ms;
  /** Store time; absent for a mute that lasts until somebody removes it. */
  until?: Ms;
}

/** Sent even for muted tasks: an agent waits for an answer, or something is wrong. */
const NEVER_MUTED: readonly EventKind[] = ["asked", "review", "critical", "failed", "plan_proposed", "plan_failed"];

/** @param subjectId a work item's or project's Plane id */
export const muteKey = (subjectId: string): StoreKey => `mute:${subjectId}`;

export function createMutePut(subjectId: string, mute: KeptMute | undefined): Put {
  const { until, at } = mute ?? {};
  const expires = until !== undefined && at !== undefined ? { expires: until - at } : {};
  return { key: muteKey(subjectId), value: mute, ...expires };
}

/** Keys of the mutes that apply to this notification; it is muted if one of them exists. */
export function getMuteKeys({ event, facts }: ActionBody): StoreKey[] {
  if (NEVER_MUTED.includes(event.kind)) return [];
  return keepDefined([facts.project?.id, facts.item?.id]).map(muteKey);
}
