import { keepDefined } from "../keep-defined.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { toDescendingKey } from "../store/descending-key.ts";
import type { Put, Revision, SetName, StoreKey } from "../store/port.ts";
import { type AnyEvent, type EventFacts, type RuleAction, type SkipReason, toEventId } from "../task/events.ts";
import { DAY, type Ms } from "../time.ts";

/** What was decided stays to be looked at for so long. */
export const DECISION_LOG_MS: Ms = 7 * DAY;

/** What a consumer wants done about an event: a job, kept in the same commit. */
export interface RequestedAction {
  rule: string;
  target: string;
  queue: RuleAction["queue"];
  job: string;
}

/** One event with everybody's answer to it: why Groundcrew did what it did, and why it did nothing. */
export interface DecisionRecord {
  /** When it was decided, by our clock. */
  at: Ms;
  /** What changed and the revision this change replaced. */
  record: StoreKey;
  rev: Revision;
  event: AnyEvent;
  project: { identifier: string; name: string };
  item?: { id: string; key: string; title: string; url: string };
  cycle?: string;
  /** How it was seen: `webhook`, `read`, `relations`. */
  via: string;
  /** Absent: nobody knows. */
  actor?: { name: string; isAgent: boolean };
  correlation: string;
  asked: RequestedAction[];
  held: SkipReason[];
}

export const decisionSet: SetName = "why";

/** The trail of one work item, by Plane's id. */
export function itemDecisionSetKey(item: string): SetName {
  return `why:${item}`;
}

/** The record of one event, for the commit that keeps the change itself. */
export function createDecisionPut(decision: DecisionRecord): Put {
  return {
    key: `why:${toDescendingKey(decision.at)}:${decision.record}:${decision.rev}:${toEventId(decision.event)}`,
    value: decision,
    sets: keepDefined([decisionSet, decision.item ? itemDecisionSetKey(decision.item.id) : undefined]),
    expires: DECISION_LOG_MS,
  };
}

/** The facts as far as the trail tells them. */
export function toDecisionSubject({
  item,
  cycle,
  project,
  actor,
}: EventFacts): Pick<DecisionRecord, "project" | "item" | "cycle" | "actor"> {
  return {
    project: { identifier: project.identifier, name: project.name },
    ...omitUndefined({
      item: item ? { id: item.id, key: item.key, title: item.title, url: item.url } : undefined,
      cycle: cycle?.name,
      actor: actor ? { name: actor.name, isAgent: actor.isAgent } : undefined,
    }),
  };
}
