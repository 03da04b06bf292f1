import { GroundcrewError } from "../../errors.ts";
import { formatIsoTime, type Ms } from "../../time.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import type { Task } from "../tasks/find-task.ts";

/** Why a claim ended that its agent did not give back. */
export interface KeptClaimLoss {
  why: "expired" | "reassigned" | "moved";
  /** Store time. */
  at: Ms;
  since: Ms;
}

/** Somebody else holds the task, until then unless renewed; `since` where it is known. */
export function createClaimHeldError(task: Task, holder: string, until: Ms, since: Ms | undefined): GroundcrewError {
  if (holder === SYSTEM_CALLER.name)
    return new GroundcrewError("conflict", `${task.key} is just being put back to todo. Try again in half a minute.`);
  const sinceText = since === undefined ? "" : ` since ${formatIsoTime(since)}`;
  return new GroundcrewError(
    "conflict",
    `${task.key} is held by ${holder}${sinceText}, until ${formatIsoTime(until)} unless renewed. Take another task; do not retry.`,
  );
}

export function createClaimLostError(task: Task, { why, at, since }: KeptClaimLoss): GroundcrewError {
  const reason = {
    expired: "its claim ran out because no call renewed it for 15 minutes",
    reassigned: "it was given to somebody else in Plane",
    moved: "it was moved away in Plane",
  }[why];
  return new GroundcrewError(
    "conflict",
    `You held ${task.key} from ${formatIsoTime(since)} to ${formatIsoTime(at)}; then ${reason}. Nothing has been written since. ` +
      "Look at it with get_task_details; claim_task takes it again if it is still yours to do.",
  );
}
