import { DECISION_LOG_MS } from "../decision-log/decision-log.ts";
import type { Queue } from "../store/job-operations.ts";
import type { Put, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/** The record that a person discarded a failed job. */
export interface DiscardedJob {
  /** Our time of the request. */
  at: Ms;
}

/** The key of the record of a discarded job. */
export function discardedJobKey(queue: Queue, job: string): StoreKey {
  return `discarded:${queue}:${encodeURI(job)}`;
}

/** Creates the record of a discarded job, which is kept as long as the decision log that shows it. */
export function createDiscardedJobPut(queue: Queue, job: string, at: Ms): Put {
  return { key: discardedJobKey(queue, job), value: { at } satisfies DiscardedJob, expires: DECISION_LOG_MS };
}
