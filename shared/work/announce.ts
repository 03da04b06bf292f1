import { decide } from "../observe/act.ts";
import { itemFacts } from "../observe/facts.ts";
import type { Job, Key, Put, Rev } from "../store/port.ts";
import type { WorkEvent } from "../task/events.ts";
import type { WorkDeps } from "./acting.ts";
import type { Task } from "./find.ts";

interface Announcement {
  /** The record this event comes from and the revision it had: together they name the event once and for all. */
  record: Key;
  rev: Rev;
  /** Beside the record's own revision. */
  expect?: [Key, Rev][];
  put?: Put[];
  jobs?: Job[];
  fence?: [Key, number];
}

/**
 * Tells everyone whose rule asks for it what was done through the bridge, in one commit with what it comes from.
 * The same announcement made twice is `stale` the second time, when the record has moved on.
 */
export async function announce(
  deps: WorkDeps,
  task: Task,
  event: WorkEvent,
  correlation: string,
  { record, rev, expect = [], put = [], jobs = [], fence }: Announcement,
): Promise<"kept" | "stale" | "fenced"> {
  const decision = await decide(deps, {
    key: record,
    rev,
    events: [event],
    correlation,
    via: "bridge",
    facts: () => itemFacts(deps, task.project, task.item, event),
  });
  const outcome = await deps.store.commit({
    expect: [[record, rev], ...expect],
    put: [...put, ...decision.put],
    jobs: [...jobs, ...decision.jobs],
    ...(fence && { fence }),
  });
  if (outcome !== "kept") return outcome;
  decision.tell();
  deps.kick();
  return outcome;
}
