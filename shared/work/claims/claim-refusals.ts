import { DEFAULT_CLAIM_MINUTES } from "../../config/settings-file.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatIsoTime, type Ms } from "../../time.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import type { Task } from "../tasks/find-task.ts";

/** Why a claim ended that its agent did not release itself. */
export interface KeptClaimLoss {
  why: "expired" | "reassigned" | "moved";
  /** Store time. */
  at: Ms;
  since: Ms;
  /** Of an expired claim: for how many minutes no call had renewed it. Default, for older records: 15. */
  minutes?: number;
}

/** The refusal for a task that another agent holds until a store time; `since` where it is known. */
export function createClaimHeldError(task: Task, holder: string, until: Ms, since: Ms | undefined): GroundcrewError {
  if (holder === SYSTEM_CALLER.name)
    return new GroundcrewError("conflict", `${task.key} is being returned to todo. Try again in 30 seconds.`);
  const sinceText = since === undefined ? "" : ` since ${formatIsoTime(since)}`;
  return new GroundcrewError(
    "conflict",
    `${task.key} is held by ${holder}${sinceText}, until ${formatIsoTime(until)} unless renewed. Take another task; do not retry.`,
  );
}

export function createClaimLostError(
  task: Task,
  { why, at, since, minutes = DEFAULT_CLAIM_MINUTES }: KeptClaimLoss,
): GroundcrewError {
  const reason = {
    expired: `the claim expired because no call renewed it for ${minutes} minutes`,
    reassigned: "the task was reassigned in Plane",
    moved: "the status of the task was changed in Plane",
  }[why];
  return new GroundcrewError(
    "conflict",
    `You lost ${task.key}, which you held from ${formatIsoTime(since)} to ${formatIsoTime(at)}: ${reason}. Nothing has been written since. ` +
      "Read it with get_task_details. If it is still yours, claim it again with claim_task.",
  );
}
