import { omitUndefined } from "../../omit-undefined.ts";
import { updateCard } from "../card/card-record.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import type { Task } from "../tasks/find-task.ts";
import type { StatusChange } from "./status-change.ts";

/** Updates the agent card with what an agent reports along with a change. People have no card. */
export async function updateReportedFields(context: CallContext, task: Task, change: StatusChange): Promise<void> {
  const { session, cost, confidence, commit, tests } = change;
  const fields = omitUndefined({
    session: session || undefined,
    cost,
    confidence,
    commit: commit || undefined,
    tests: tests || undefined,
  });
  if (isAgent(context.caller) && Object.keys(fields).length > 0) await updateCard(context, task, fields);
}
