import { cleanText } from "../clean-text.ts";
import { GroundcrewError, getErrorMessage } from "../errors.ts";
import { GROUNDCREW_SOURCE } from "../observe/comments.ts";
import { observedKeys } from "../observe/store-keys.ts";
import type { KeptProject } from "../observe/stored-records.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { commentsApi } from "../plane/comments.ts";
import { PlaneConflictError, PlaneError } from "../plane/errors.ts";
import type { LeasedJob, Settlement } from "../store/job-operations.ts";
import { isOpenItem } from "../task/diff.ts";
import { MINUTE, type Ms } from "../time.ts";
import { moveToStatus } from "../work/changes/move-to-status.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../work/context/call-context.ts";
import { withLock } from "../work/context/with-lock.ts";
import { findKeptTask, refreshTask } from "../work/tasks/find-task.ts";
import { changeTicket, findTicket, getTicket } from "./change-ticket.ts";
import { MAX_SUMMARY_LENGTH } from "./exchange.ts";
import { readSession } from "./observed-session.ts";
import { renderUpdate } from "./render-update.ts";
import type { Ticket, UpdateStep } from "./ticket.ts";
import { hasFailedStep } from "./ticket-wait.ts";

/** Delays before failed steps of an update are tried again, besides the client's own retries: three times. */
const RETRY_DELAYS_MS: readonly Ms[] = [MINUTE, 5 * MINUTE, 15 * MINUTE];

/** The result of an update. */
export interface UpdateResult {
  status: "success" | "failed_comment" | "failed_state";
  ticket_id: string;
  comment_posted: boolean;
  state_updated: boolean;
  /** Why a step failed. */
  problem?: string;
}

/**
 * Approves the update of Plane with a ticket's result, writes it and returns what Plane has taken. `summary` replaces
 * the one of the completion. Repeating it writes only what is missing.
 */
export async function updatePlane(
  deps: WorkDeps,
  key: string,
  { by, summary }: { by: string; summary?: string },
  correlation: string,
): Promise<UpdateResult> {
  const text = summary === undefined ? undefined : cleanText(summary, MAX_SUMMARY_LENGTH);
  const at = await deps.store.now();
  const event = { kind: "update_requested", at, by, ...omitUndefined({ summary: text }) } as const;
  await changeTicket(deps, key, event, correlation);
  return finishUpdate(deps, key, correlation);
}

/** Handles the job that finishes an update which was interrupted or failed. */
export async function runUpdateJob(
  deps: WorkDeps,
  { ticket: key, correlation, isRetry = false }: { ticket: string; correlation: string; isRetry?: boolean },
  job: LeasedJob,
): Promise<Settlement> {
  const ticket = await findTicket(deps, key);
  if (ticket?.state !== "updating") return { done: true };
  if (ticket.update && hasFailedStep(ticket)) {
    const { by } = ticket.update;
    const event = { kind: "update_requested", at: await deps.store.now(), by, isRetry: true } as const;
    await changeTicket(deps, key, event, correlation);
  }
  const { status } = await finishUpdate(deps, key, correlation);
  const delay = RETRY_DELAYS_MS[job.failures + Number(isRetry)];
  if (status === "success" || delay === undefined) return { done: true };
  return { retryAt: (await deps.store.now()) + delay, failed: true };
}

/** Writes what is missing. Only one process does so at a time: Plane's check of external ids is not atomic. */
async function finishUpdate(deps: WorkDeps, key: string, correlation: string): Promise<UpdateResult> {
  const { update } = await getTicket(deps, key);
  const context = createCallContext(deps, { name: update?.by ?? "Groundcrew", role: "human" }, correlation);
  const wasDone = update?.comment === "done" && update.state === "done";
  await withLock(context, "ticket", key, async (renew) => {
    await runStep(context, key, "comment", postSummary);
    await renew();
    await runStep(context, key, "state", setTicketStatus);
  });
  const result = toUpdateResult(await getTicket(deps, key));
  if (!wasDone) deps.metrics.count("plane_updates_total", { status: result.status });
  return result;
}

/** Runs a step that is open and records its result. A refusal of Plane is a result; other errors end the call. */
async function runStep(
  context: CallContext,
  key: string,
  step: UpdateStep,
  act: (context: CallContext, ticket: Ticket) => Promise<string | undefined>,
): Promise<void> {
  const { deps, correlation } = context;
  const ticket = await getTicket(deps, key);
  if (ticket.state !== "updating" || ticket.update?.[step] !== "open") return;
  // Without the comment the state is not changed: a closed task whose result nobody sees would be worse than an open one.
  if (step === "state" && ticket.update.comment !== "done") return;
  const record = async (result: { done: boolean; comment?: string; problem?: string }) =>
    changeTicket(deps, key, { kind: "update_step", at: await deps.store.now(), step, ...result }, correlation);
  let comment: string | undefined;
  try {
    comment = await act(context, ticket);
  } catch (thrown) {
    if (!(thrown instanceof PlaneError) && !(thrown instanceof GroundcrewError)) throw thrown;
    deps.log.warn("ticket update failed", { correlation, ticket: key, step, error: getErrorMessage(thrown) });
    await record({ done: false, problem: getErrorMessage(thrown) });
    return;
  }
  await record({ done: true, ...omitUndefined({ comment }) });
}

/** Posts the one comment with the result. Plane recognizes a repeated one by its external id. */
async function postSummary({ deps, plane }: CallContext, ticket: Ticket): Promise<string> {
  const { id: item, project } = ticket.item;
  const task = await findKeptTask(deps, item);
  if (task?.item.gone !== undefined)
    throw new GroundcrewError(
      "conflict",
      `${ticket.key} was removed in Plane. Restore it and approve again, or cancel the ticket.`,
    );
  const session = await readSession(deps, ticket);
  const comment_html = await renderUpdate(deps.settings, ticket, session);
  const external_id = `ticket:${ticket.key}:${ticket.run}`;
  const json = { comment_html, external_source: GROUNDCREW_SOURCE, external_id };
  try {
    const { data } = await plane.call(commentsApi.create, { params: { project, item }, json });
    return data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}

/** Sets the status of the settings, unless the work item is closed. The item of a test ticket may not have been observed yet. */
async function setTicketStatus(context: CallContext, { key, item }: Ticket): Promise<undefined> {
  const { deps } = context;
  const [project] = await deps.store.read<KeptProject>([observedKeys.project(item.project)]);
  if (!project) throw new GroundcrewError("conflict", `Groundcrew does not follow the project of ${key}.`);
  await refreshTask(context, { id: item.id, project: project.value });
  const task = await findKeptTask(deps, item.id);
  if (!task) throw new GroundcrewError("conflict", `Groundcrew does not see the work item of ${key}.`);
  // What people decided about a closed work item stays, as it does for other changes of its status.
  if (isOpenItem(task.item)) await moveToStatus(context, task, deps.settings.tickets?.status ?? "done");
}

function toUpdateResult({ key, update }: Ticket): UpdateResult {
  const comment_posted = update?.comment === "done";
  const state_updated = update?.state === "done";
  const status = !comment_posted ? "failed_comment" : !state_updated ? "failed_state" : "success";
  return { status, ticket_id: key, comment_posted, state_updated, ...omitUndefined({ problem: update?.problem }) };
}
