/**
 * The decision log: each event with the decisions of all rule sets, kept for seven days. The page and the digest read
 * it, to show why somebody was notified or not.
 */

import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { Put, Revision, SetName, StoreKey } from "../store/port.ts";
import { toDescendingKey } from "../store/records.ts";
import { type AnyEvent, toEventId } from "../task/events.ts";
import {
  DECISION_LOG_MS,
  type EventFacts,
  getEventProject,
  type RuleAction,
  type SkipReason,
} from "../task/rule-set.ts";
import type { Ms } from "../time.ts";

/** An action that a rule requested for an event: a job, stored in the same commit. */
export interface RequestedAction extends Pick<RuleAction, "rule" | "target" | "queue"> {
  job: string;
}

/** One event with the decisions of all rule sets: which actions were requested, and why others were not. */
export interface DecisionRecord {
  /** Time of the decision by our clock. */
  at: Ms;
  /** The record that changed and the revision before this change. */
  record: StoreKey;
  rev: Revision;
  event: AnyEvent;
  /** The identifier is "" while the project of a plan does not exist. */
  project: { identifier: string; name: string };
  item?: { id: string; key: string; title: string; url: string };
  cycle?: string;
  /** Source of the event: `webhook`, `read`, `absence` or `relations`, or `bridge` for a work event. */
  via: string;
  /** Who caused the event; absent when unknown. */
  actor?: { name: string; isAgent: boolean };
  correlation: string;
  actions: RequestedAction[];
  skipped: SkipReason[];
}

export const decisionSet: SetName = "decisions";

/** Creates the entry of one event, which belongs to the commit of the change itself. */
export function createDecisionPut(decision: DecisionRecord): Put {
  return {
    key: `decision:${toDescendingKey(decision.at)}:${decision.record}:${decision.rev}:${toEventId(decision.event)}`,
    value: decision,
    sets: keepDefined([decisionSet, decision.item ? itemDecisionSetKey(decision.item.id) : undefined]),
    expires: DECISION_LOG_MS,
  };
}

/** Reduces an event's facts to those in the decision log. */
export function toDecisionSubject(
  event: AnyEvent,
  facts: EventFacts,
): Pick<DecisionRecord, "project" | "item" | "cycle" | "actor"> {
  const { item, cycle, actor } = facts;
  const project = getEventProject(event, facts);
  return {
    project: { identifier: project.identifier, name: project.name },
    ...omitUndefined({
      item: item ? { id: item.id, key: item.key, title: item.title, url: item.url } : undefined,
      cycle: cycle?.name,
      actor: actor ? { name: actor.name, isAgent: actor.isAgent } : undefined,
    }),
  };
}

/** The set with the decisions about one work item, by Plane's id. */
export function itemDecisionSetKey(item: string): SetName {
  return `decision:${item}`;
}
