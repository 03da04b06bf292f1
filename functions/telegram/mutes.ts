import type { Key, Ms, Put } from "../../shared/store/port.ts";
import type { Body, EventKind } from "../../shared/task/events.ts";

/** What nobody wants to hear of for a while; forgotten by the store when its time is over. */
interface KeptMute {
  by: string;
  at: Ms;
  /** Store time; absent: until somebody takes it back. */
  until?: Ms;
}

/** Somebody waits for an answer to these, or something is wrong: they are told all the same. */
const TOLD: readonly EventKind[] = ["asked", "review", "critical", "failed"];

/** @param what a work item's or project's Plane id */
export const muteKey = (what: string): Key => `mute:${what}`;

export function mutePut(what: string, mute: KeptMute | undefined): Put {
  const { until, at } = mute ?? {};
  const expires = until !== undefined && at !== undefined ? { expires: until - at } : {};
  return { key: muteKey(what), value: mute, ...expires };
}

/** Where it is kept that somebody muted what this is about; one of them is enough. */
export function mutesOf({ event, facts }: Body): Key[] {
  if (TOLD.includes(event.kind)) return [];
  return [facts.project.id, ...(facts.item ? [facts.item.id] : [])].map(muteKey);
}
