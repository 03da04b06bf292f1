import { decideActions } from "../../observe/decide-actions.ts";
import { readItemFacts } from "../../observe/event-facts.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job, Put, Revision, StoreKey } from "../../store/port.ts";
import type { WorkEvent } from "../../task/events.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { Task } from "./find-task.ts";

interface EventRecord {
  /** The record this event comes from and the revision it had: together they name the event once and for all. */
  record: StoreKey;
  rev: Revision;
  /** Beside the record's own revision. */
  expect?: [StoreKey, Revision][];
  put?: Put[];
  jobs?: Job[];
  fence?: [StoreKey, number];
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
  { record, rev, expect = [], put = [], jobs = [], fence }: EventRecord,
): Promise<"kept" | "stale" | "fenced"> {
  const decision = await decideActions(deps, {
    key: record,
    rev,
    events: [event],
    correlation,
    via: "bridge",
    facts: () => readItemFacts(deps, task.project, task.item, event),
  });
  const outcome = await deps.store.commit({
    expect: [[record, rev], ...expect],
    put: [...put, ...decision.put],
    jobs: [...jobs, ...decision.jobs],
    ...omitUndefined({ fence }),
  });
  if (outcome !== "kept") return outcome;
  decision.publish();
  deps.kick();
  return outcome;
}
