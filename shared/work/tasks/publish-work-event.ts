import { decideActions } from "../../observe/decide-actions.ts";
import { readItemFacts } from "../../observe/event-facts.ts";
import type { Job, Put, Revision, StoreKey } from "../../store/port.ts";
import type { ValueUpdate } from "../../store/update.ts";
import type { WorkEvent } from "../../task/events.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { Task } from "./find-task.ts";

interface EventRecord {
  /** The record this event comes from and the revision it had: together they name the event once and for all. */
  record: StoreKey;
  rev: Revision;
  put?: Put[];
  jobs?: Job[];
}

/**
 * Tells everyone whose rule asks for it what was done through the bridge, in one commit with what it comes from.
 * The same announcement made twice is `stale` the second time, when the record has moved on.
 */
export async function publishWorkEvent(
  deps: WorkDeps,
  task: Task,
  event: WorkEvent,
  correlation: string,
  eventRecord: EventRecord,
): Promise<"kept" | "stale" | "fenced"> {
  const { afterCommit, ...update } = await prepareWorkEvent(deps, task, event, correlation, eventRecord);
  const outcome = await deps.store.commit({ expect: [[eventRecord.record, eventRecord.rev]], ...update });
  if (outcome === "kept") await afterCommit?.();
  return outcome;
}

/** What tells everyone of an event, for a commit that expects its record to be at this revision. */
export async function prepareWorkEvent(
  deps: WorkDeps,
  task: Task,
  event: WorkEvent,
  correlation: string,
  { record, rev, put = [], jobs = [] }: EventRecord,
): Promise<ValueUpdate> {
  const decision = await decideActions(deps, {
    key: record,
    rev,
    events: [event],
    correlation,
    via: "bridge",
    facts: () => readItemFacts(deps, task.project, task.item, event),
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
