import { DEFAULT_CLAIM_MINUTES } from "../../config/settings-file.ts";
import { GroundcrewError } from "../../errors.ts";
import type { ClaimLossReason } from "../../task/events.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { formatIsoTime, type Ms } from "../../time.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import type { Task } from "../tasks/find-task.ts";

/** Why a claim ended that its agent did not release itself. */
export interface KeptClaimLoss {
  why: ClaimLossReason;
  /** Store time. */
  at: Ms;
  since: Ms;
  /** Of an expired claim: for how many minutes no call had renewed it. Default, for older records: 15. */
  minutes?: number;
  /** The person who stopped the work. */
  by?: string;
}

/** What an agent must do about a task that a person stopped. */
const STOP_ADVICE =
  "Stop working on it and leave it: it can be claimed again once a person comments on it, changes its state or assigns it. Take another task.";

/** The refusal for a task that a person stopped and that nobody has released since. */
export function createStoppedError(
  { key }: Task,
  { by, at }: NonNullable<KeptItem["stopped"]>,
  timeZone: string,
): GroundcrewError {
  return new GroundcrewError(
    "stopped",
    `${key} was stopped by ${by} at ${formatIsoTime(at, timeZone)}. ${STOP_ADVICE}`,
  );
}

/** The refusal for a task that another agent holds until a store time; `since` where it is known. Times are in `timeZone`. */
export function createClaimHeldError(
  task: Task,
  holder: string,
  { until, since }: { until: Ms; since: Ms | undefined },
  timeZone: string,
): GroundcrewError {
  if (holder === SYSTEM_CALLER.name)
    return new GroundcrewError("conflict", `${task.key} is being returned to todo. Try again in 30 seconds.`);
  const sinceText = since === undefined ? "" : ` since ${formatIsoTime(since, timeZone)}`;
  return new GroundcrewError(
    "conflict",
    `${task.key} is held by ${holder}${sinceText}, until ${formatIsoTime(until, timeZone)} unless renewed. Take another task; do not retry.`,
  );
}

export function createClaimLostError(
  task: Task,
  { why, at, since, minutes = DEFAULT_CLAIM_MINUTES, by = "a person" }: KeptClaimLoss,
  timeZone: string,
): GroundcrewError {
  if (why === "stopped")
    return new GroundcrewError(
      "stopped",
      `${task.key} was stopped by ${by} at ${formatIsoTime(at, timeZone)}. You held it since ${formatIsoTime(since, timeZone)}; nothing has been written since it was stopped. ` +
        STOP_ADVICE,
    );
  const reason: Record<Exclude<ClaimLossReason, "stopped">, string> = {
    expired: `the claim expired because no call renewed it for ${minutes} minutes`,
    reassigned: "the task was reassigned in Plane",
    moved: "the status of the task was changed in Plane",
  };
  return new GroundcrewError(
    "conflict",
    `You lost ${task.key}, which you held from ${formatIsoTime(since, timeZone)} to ${formatIsoTime(at, timeZone)}: ${reason[why]}. Nothing has been written since. ` +
      "Read it with get_task_details. If it is still yours, claim it again with claim_task.",
  );
}
