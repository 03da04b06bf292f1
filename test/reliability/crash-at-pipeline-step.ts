import type { Store } from "../../shared/store/port.ts";
import { createCrashingProcess } from "../support/crashing-process.ts";

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

/** Whether a call to the outside is the effect of a step, by its name without the first word. */
const EFFECTS: Record<string, (name: string, first: unknown) => boolean> = {
  "the webhook is stored": (name, first) => name === "commit" && findStored(first) === "webhook",
  "the snapshot is stored": (name, first) => name === "commit" && findStored(first) === "snapshot",
  "the message is sent": (name, first) => name === "fetch" && String(first).includes("/sendMessage"),
  "the message is recorded": (name, first) => name === "commit" && findStored(first) === "record",
  "a job is settled": (name) => name === "acknowledge",
};

/** What a commit stores of the pipeline. */
function findStored(commit: unknown): "webhook" | "snapshot" | "record" | undefined {
  const { put = [], jobs = [] } = commit as Parameters<Store["commit"]>[0];
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
  const when = step.startsWith("before") ? "before" : "after";
  const isEffect = EFFECTS[step.slice(when.length + 1)];
  const process = createCrashingProcess({ nth, when }, (name, [first]) => isEffect?.(name, first) ?? false, onCrash);
  return { store: process.wrap(store), fetch: process.wrapFetch(realFetch) };
}
