import type { Key, Ms, Put, Rev, SetName } from "../store/port.ts";
import { type Action, type Event, eventName, type Facts, type Held } from "../task/events.ts";

/** What was decided stays to be looked at for so long. */
export const TRAIL_MS: Ms = 7 * 86_400_000;

/** What a consumer wants done about an event: a job, kept in the same commit. */
export interface Asked {
  rule: string;
  target: string;
  queue: Action["queue"];
  job: string;
}

/** One event with everybody's answer to it: why Groundcrew did what it did, and why it did nothing. */
export interface Why {
  /** When it was decided, by our clock. */
  at: Ms;
  /** What changed and the revision this change replaced. */
  record: Key;
  rev: Rev;
  event: Event;
  project: { identifier: string; name: string };
  item?: { id: string; key: string; title: string; url: string };
  cycle?: string;
  /** How it was seen: `webhook`, `read`, `relations`. */
  via: string;
  /** Absent: nobody knows. */
  actor?: { name: string; isAgent: boolean };
  correlation: string;
  asked: Asked[];
  held: Held[];
}

export const trail: SetName = "why";

/** The trail of one work item, by Plane's id. */
export function itemTrail(item: string): SetName {
  return `why:${item}`;
}

const LAST: Ms = 9_999_999_999_999;

/** Sorts the newest first where keys are listed in order. Thirteen digits last until the year 2286. */
export function descending(at: Ms): string {
  return String(LAST - Math.floor(at)).padStart(13, "0");
}

/** The time that `descending` made this of. */
export function ascending(text: string): Ms {
  return LAST - Number(text);
}

/** The record of one event, for the commit that keeps the change itself. */
export function whyPut(why: Why): Put {
  return {
    key: `why:${descending(why.at)}:${why.record}:${why.rev}:${eventName(why.event)}`,
    value: why,
    sets: [trail, ...(why.item ? [itemTrail(why.item.id)] : [])],
    expires: TRAIL_MS,
  };
}

/** The facts as far as the trail tells them. */
export function subjectOf({ item, cycle, project, actor }: Facts): Pick<Why, "project" | "item" | "cycle" | "actor"> {
  return {
    project: { identifier: project.identifier, name: project.name },
    ...(item && { item: { id: item.id, key: item.key, title: item.title, url: item.url } }),
    ...(cycle && { cycle: cycle.name }),
    ...(actor && { actor: { name: actor.name, isAgent: actor.isAgent } }),
  };
}
