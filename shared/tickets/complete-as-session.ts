import { GroundcrewError } from "../errors.ts";
import { parseTaskKey } from "../task-key.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import type { Caller } from "../work/context/caller.ts";
import type { StatusChange } from "../work/lifecycle/status-change.ts";
import type { StatusResult } from "../work/lifecycle/status-result.ts";
import { findKeptTask } from "../work/tasks/find-task.ts";
import { getTicket } from "./change-ticket.ts";
import { completeTicket } from "./complete-ticket.ts";

/**
 * Completes the ticket of a session with a summary, in place of a change of the status: that is written when a person
 * has approved the update. `task` names the work item by key or id. Throws `forbidden` for another task or status, and
 * `bad_request` without a summary.
 */
export async function completeAsSession(
  deps: WorkDeps,
  { key, item }: NonNullable<Caller["ticket"]>,
  task: string,
  { status, text = "", tests }: StatusChange,
  correlation: string,
): Promise<StatusResult> {
  const name = task.trim();
  if (parseTaskKey(name)?.key !== key && name.toLowerCase() !== item)
    throw new GroundcrewError("forbidden", `This session is for ${key} only and may not change ${name.slice(0, 40)}.`);
  if (status !== "done")
    throw new GroundcrewError(
      "forbidden",
      `A session may only complete its ticket: set ${key} to done, with a summary as text. A person decides the rest.`,
    );
  if (text.trim() === "")
    throw new GroundcrewError("bad_request", "The summary is missing: say as text what was done.");
  const summary = tests?.trim() ? `${text}\n\nTests: ${tests}` : text;
  await completeTicket(deps, key, { summary, source: "tool", by: "Claude Code" }, correlation);
  const [ticket, kept] = [await getTicket(deps, key), await findKeptTask(deps, item)];
  const word = kept?.item.snapshot.word ?? "in_progress";
  return { key, word, inReview: true, blockers: [], url: ticket.item.url };
}
