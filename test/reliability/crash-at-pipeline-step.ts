import type { Store } from "../../shared/store/port.ts";
import { crashAtEffect, type Effect } from "./crash-at-effect.ts";

/**
 * The steps of the pipeline at which a process may end (reliability 2): around the commit that stores a
 * webhook, around the one that stores a snapshot with its jobs, around the message, and around the commit that records it.
 */
export const PIPELINE_STEPS = [
  "before the webhook is stored",
  "after the webhook is stored",
  "before the snapshot is stored",
  "after the snapshot is stored",
  "before the message is sent",
  "after the message is sent",
  "before the message is recorded",
  "after the message is recorded",
  "before a job is settled",
  "after a job is settled",
] as const;
export type PipelineStep = (typeof PIPELINE_STEPS)[number];

type PipelineEffect = "webhook" | "snapshot" | "message" | "record" | "job";

const STEP_EFFECTS: Record<PipelineStep, { effect: PipelineEffect; when: "before" | "after" }> = {
  "before the webhook is stored": { effect: "webhook", when: "before" },
  "after the webhook is stored": { effect: "webhook", when: "after" },
  "before the snapshot is stored": { effect: "snapshot", when: "before" },
  "after the snapshot is stored": { effect: "snapshot", when: "after" },
  "before the message is sent": { effect: "message", when: "before" },
  "after the message is sent": { effect: "message", when: "after" },
  "before the message is recorded": { effect: "record", when: "before" },
  "after the message is recorded": { effect: "record", when: "after" },
  "before a job is settled": { effect: "job", when: "before" },
  "after a job is settled": { effect: "job", when: "after" },
};

const EFFECTS: Record<PipelineEffect, Effect> = {
  webhook: { commit: (commit) => toEffect(commit) === "webhook" },
  snapshot: { commit: (commit) => toEffect(commit) === "snapshot" },
  record: { commit: (commit) => toEffect(commit) === "record" },
  message: { request: (url) => url.includes("/sendMessage") },
  job: { settle: true },
};

/** The step that a commit belongs to; undefined for any other commit. */
function toEffect({ put = [], jobs = [] }: Parameters<Store["commit"]>[0]): PipelineEffect | undefined {
  if (jobs.some(({ queue }) => queue === "inbox")) return "webhook";
  if (put.some(({ key, value }) => key.startsWith("delivery:") && value !== undefined)) return "record";
  return put.some(({ key }) => key.startsWith("item:")) ? "snapshot" : undefined;
}

/** Wraps a store and fetch so that the process seems to end when the chosen step comes for the `nth` time. */
export function crashAtPipelineStep(
  store: Store,
  { step, nth }: { step: PipelineStep; nth: number },
  onCrash: () => void,
  realFetch: typeof fetch = fetch,
) {
  const { effect, when } = STEP_EFFECTS[step];
  return crashAtEffect(store, { effect: EFFECTS[effect], when, nth }, onCrash, realFetch);
}
