import { decideActions } from "../../observe/decide-actions.ts";
import { readItemFacts } from "../../observe/event-facts.ts";
import type { Job } from "../../store/job-operations.ts";
import type { Put, Revision, StoreKey } from "../../store/port.ts";
import type { ValueUpdate } from "../../store/update.ts";
import type { WorkEvent } from "../../task/events.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { Task } from "./find-task.ts";

interface EventRecord {
  /** The record from which this event follows, and its previous revision: together they identify the event. */
  record: StoreKey;
  rev: Revision;
  put?: Put[];
  jobs?: Job[];
}

/**
 * Publishes a work event to all rule sets, in one commit with the record that it belongs to. Only an event about no task,
 * such as a question of the Concierge, has no `task`.
 * Publishing the same event again is `stale`, because the record's revision has changed.
 */
export async function publishWorkEvent(
  deps: WorkDeps,
  task: Task | undefined,
  event: WorkEvent,
  correlation: string,
  eventRecord: EventRecord,
): Promise<"kept" | "stale" | "fenced"> {
  const { afterCommit, ...update } = await prepareWorkEvent(deps, task, event, correlation, eventRecord);
  const outcome = await deps.store.commit({ expect: [[eventRecord.record, eventRecord.rev]], ...update });
  if (outcome === "kept") await afterCommit?.();
  return outcome;
}

/** Prepares the puts and jobs that publish an event, for a commit that expects its record to be at this revision. */
export async function prepareWorkEvent(
  deps: WorkDeps,
  task: Task | undefined,
  event: WorkEvent,
  correlation: string,
  eventRecord: EventRecord,
): Promise<ValueUpdate> {
  return prepareWorkEvents(deps, task, [event], correlation, eventRecord);
}

/** Does the same for several events that follow from one record. */
export async function prepareWorkEvents(
  deps: WorkDeps,
  task: Task | undefined,
  events: readonly WorkEvent[],
  correlation: string,
  { record, rev, put = [], jobs = [] }: EventRecord,
): Promise<ValueUpdate> {
  const decision = await decideActions(deps, {
    key: record,
    rev,
    events,
    correlation,
    via: "bridge",
    facts: async (event) =>
      task
        ? readItemFacts(deps, task.project, task.item, event)
        : { at: new Date(await deps.store.now()).toISOString() },
  });
  return {
    put: [...put, ...decision.put],
    jobs: [...jobs, ...decision.jobs],
    afterCommit: () => {
      decision.publish();
      deps.kick();
    },
  };
}
