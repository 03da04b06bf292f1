import type { Observation } from "../../../shared/task/merge-observation.ts";
import type { Snapshot } from "../../../shared/task/snapshot.ts";
import { createSnapshot } from "./sample-items.ts";

/** The revision of the stored item. */
export const REV = 70;
/** `covered`: the cursor of the last complete pass. */
export const createWebhookObservation = (change: Partial<Snapshot>, covered = ""): Observation => ({
  via: "webhook",
  snapshot: createSnapshot(change),
  covered,
});
/** A read that took 10 ms. */
export const createReadObservation = (change: Partial<Snapshot>, when = 1_000, since = REV): Observation => ({
  via: "read",
  snapshot: createSnapshot(change),
  since,
  began: when,
  ended: when + 10,
});
/** An absence found by a read that took 10 ms. */
export const createAbsenceObservation = (when = 1_000, since = REV): Observation => ({
  via: "absence",
  since,
  began: when,
  ended: when + 10,
});
export const assignedToAda = { assignees: ["ada"] };
