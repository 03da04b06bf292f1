/**
 * Events that no snapshot can show, because they happen in Groundcrew (questions, claims, reviews, plans), are
 * published to all rule sets in one commit with the record that they belong to.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Commit, Job, Put, Revision, StoreKey } from "../store/port.ts";
import { prepareChange, readItemFacts, toProjectFacts } from "../sync/event-facts.ts";
import type { PlanEvent, WorkEvent } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { PlanRun } from "./plan-record.ts";

interface EventRecord {
  /** The record from which this event follows, and its previous revision: together they identify the event. */
  record: StoreKey;
  rev: Revision;
  put?: Put[];
  jobs?: Job[];
}

/** The writes that publish events; `afterCommit` runs once they are committed. */
type EventUpdate = Required<Pick<Commit, "put" | "jobs">> & { afterCommit: () => void };

/**
 * Publishes a work event to all rule sets, in one commit with the record that it belongs to. Only an event about no
 * task, such as a question of the Concierge, has no `task`. Publishing the same event again is `stale`, because the
 * record's revision has changed.
 */
export async function publishWorkEvent(
  deps: TaskDeps,
  task: Task | undefined,
  event: WorkEvent,
  correlation: string,
  eventRecord: EventRecord,
): Promise<"committed" | "stale" | "fenced"> {
  const { afterCommit, ...update } = await prepareWorkEvent(deps, task, event, correlation, eventRecord);
  const outcome = await deps.store.commit({ expect: [[eventRecord.record, eventRecord.rev]], ...update });
  if (outcome === "committed") afterCommit();
  return outcome;
}

/** Prepares the puts and jobs that publish events, for a commit that expects their record to be at this revision. */
export async function prepareWorkEvent(
  deps: TaskDeps,
  task: Task | undefined,
  events: WorkEvent | readonly WorkEvent[],
  correlation: string,
  eventRecord: EventRecord,
): Promise<EventUpdate> {
  return prepareEvents(deps, [events].flat(), correlation, eventRecord, async (event) =>
    task ? readItemFacts(deps, task.project, task.item, event) : { at: new Date(await deps.store.now()).toISOString() },
  );
}

/** Prepares the puts and jobs that publish an event of a plan, for a commit that expects its record at this revision. */
export async function preparePlanEvent(
  deps: TaskDeps,
  project: string | undefined,
  eventRecord: EventRecord,
  event: PlanEvent,
  correlation: string,
): Promise<EventUpdate> {
  return prepareEvents(deps, [event], correlation, eventRecord, async () => {
    const at = new Date(await deps.store.now()).toISOString();
    const [stored] = project === undefined ? [] : await deps.store.read<ProjectRecord>([observedKeys.project(project)]);
    return stored ? toProjectFacts(deps, stored.value, at) : { at };
  });
}

async function prepareEvents<Event extends WorkEvent | PlanEvent>(
  deps: TaskDeps,
  events: readonly Event[],
  correlation: string,
  { record: key, rev, put = [], jobs = [] }: EventRecord,
  facts: (event: Event) => Promise<EventFacts>,
): Promise<EventUpdate> {
  const change = { key, rev, events, correlation, via: "bridge" as const, put, jobs, facts };
  const { afterCommit, ...update } = await prepareChange(deps, change);
  return {
    ...update,
    afterCommit: () => {
      afterCommit();
      deps.notify();
    },
  };
}

/** The fields that every event of a plan has. */
export function toPlanEventFields({ id, agent, plan }: PlanRun): { plan: string; agent: string; title: string } {
  return { plan: id, agent, title: plan.project };
}
