import { omitUndefined } from "../../omit-undefined.ts";
import type { Status } from "../../task/snapshot.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import type { CompletionReport } from "./done-criteria.ts";
import type { KeptStatusAttempt } from "./status-attempt.ts";

/** A change of status, with what the caller reports about the task. */
export interface StatusChange extends CompletionReport {
  /** `text` of a change that finishes a task is its summary. */
  status: Status;
  /** From 0 to 1; 0.8 when none was reported. */
  confidence?: number | undefined;
  /** The caller's total on the task so far, in the budget's currency. */
  cost?: number | undefined;
  /** `openclaw-session-{uuid}` */
  session?: string | undefined;
}

/** Creates the attempt at a change, under a generated id. The caller stores it. */
export async function createStatusAttempt(
  { deps, caller }: CallContext,
  task: Task,
  change: StatusChange,
): Promise<KeptStatusAttempt> {
  const { status, text, commit, tests } = change;
  const common = { item: task.id, agent: caller.name, status, id: deps.newId(), at: await deps.store.now() };
  return {
    ...common,
    ...omitUndefined({ text: text || undefined, commit: commit || undefined, tests: tests || undefined }),
  };
}
