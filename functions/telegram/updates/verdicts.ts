/**
 * /approve and /reject: a person's verdict on a task's review, its ticket, or the result of a ticket. When several
 * wait, buttons ask which one.
 */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { readTaskRequests } from "../../../shared/requests/requests.ts";
import { isRequestOpen, type RequestKindName, type RequestRecord } from "../../../shared/task/request.ts";
import { isInReview } from "../../../shared/task/snapshot.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { findPendingVerdict, judgeReview } from "../../../shared/tasks/lifecycle/reviews.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { findTicket } from "../../../shared/tickets/stored-tickets.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { createTaskCommand } from "../commands/arguments.ts";
import { replyConfirmation, replyRefusal } from "../commands/changing.ts";
import { type CommandOption, offerChoices } from "../commands/choices.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
  replyText,
} from "../commands/command.ts";
import { renderTaskLink } from "../commands/task-lists.ts";
import { submitDecision } from "../live-messages/requests.ts";

/** A verdict of a person: what is approved or rejected of a task, and why. */
interface Verdict {
  isApproved: boolean;
  reason: string;
}

/** What of a task waits for a verdict; `hash` binds a button to what was shown. */
interface Judged {
  what: "review" | "ticket" | "result";
  hash: string;
}

/** The command of a button that says what a verdict is about. Nobody can type it: it is only stored with the button. */
export const verdictCommand: ChoiceCommand = {
  name: "verdict",
  async run(context, args) {
    const [, verb, what, id = "", hash = "", reason = ""] =
      /^(ok|no) (ticket|review|result) (\S+) (\S+) ([\s\S]*)$/.exec(args) ?? [];
    const task = await findStoredTask(context.deps, id);
    if (!task) return { toast: context.presentation.texts.answers.expiredButton };
    const verdict = { isApproved: verb === "ok", reason };
    if (what === "ticket" || what === "result") return applyVerdict(context, task, { what, hash }, verdict);
    const [request] = await readRequests(context, task, "review");
    if (!request) return replyRefusal(context, task, "notInReview");
    const decision = { answer: verdict.isApproved ? "approve" : "send_back", comment: reason, hash };
    const { toast, isDecided } = await submitDecision(context, request, decision);
    return isDecided ? confirmReviewVerdict(context, task, verdict.isApproved) : replyText(`ℹ️ ${toast}`);
  },
};

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand = createTaskCommand("approve", ["approuver", "ok"], (context, task) =>
  judgeTask(context, task, { isApproved: true, reason: "" }),
);

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand = createTaskCommand("reject", ["rejeter", "renvoyer"], (context, task, reason) =>
  judgeTask(context, task, { isApproved: false, reason }),
);

/**
 * Approves or rejects what of a task waits: its ticket, or its review. When both wait, buttons ask which one. A result
 * is never approved by the command alone: a button asks, because it may not have been read.
 */
async function judgeTask(context: CommandContext, task: Task, verdict: Verdict): Promise<CommandResult> {
  const { answers, live } = context.presentation.texts;
  const ticket = await findTicket(context.deps, task.key);
  const waiting = await listJudged(context, task, verdict);
  const [first, ...others] = waiting;
  if (!first) return replyNothingWaits(context, task, ticket, verdict);
  if (others.length === 0 && first.what !== "result") return applyVerdict(context, task, first, verdict);
  const question = others.length === 0 ? answers.nearest : live.ticket.which;
  return offerChoices(
    context,
    question,
    waiting.map((judged) => toOption(context, task, judged, verdict)),
  );
}

async function listJudged(context: CommandContext, task: Task, { isApproved }: Verdict): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const what of ["ticket", "result"] as const) {
    const [request] = (await readRequests(context, task, what)).filter(isRequestOpen);
    if (request && (what === "ticket" || isApproved)) judged.push({ what, hash: request.hash });
  }
  const [review] = await readRequests(context, task, "review");
  const pending = await findPendingVerdict(context.deps, task.id);
  if (isInReview(task.item) || pending?.verdict?.answer === (isApproved ? "approve" : "send_back"))
    judged.push({ what: "review", hash: review?.hash ?? "" });
  return judged;
}

/** Reads the requests of a kind about a task, the latest first. */
async function readRequests({ deps }: CommandContext, { id }: Task, kind: RequestKindName): Promise<RequestRecord[]> {
  return (await readTaskRequests(deps, id, kind)).map(({ value }) => value).reverse();
}

/** An earlier try of this command may have been interrupted after its effect. */
function replyNothingWaits(
  context: CommandContext,
  task: Task,
  ticket: Ticket | undefined,
  { isApproved }: Verdict,
): CommandResult {
  const { deps, isRetry, from, presentation } = context;
  const wasApproved = isApproved && ticket?.approval?.by === from.name;
  const wasRejected = !isApproved && ticket?.state === "rejected" && ticket.closedBy === from.name;
  if (isRetry && (wasApproved || wasRejected))
    return confirmTicketVerdict(context, task, isApproved ? "approved" : "rejected");
  if (isRetry && task.item.snapshot.status === (isApproved ? "done" : "todo"))
    return confirmReviewVerdict(context, task, isApproved);
  if (!deps.settings.tickets) return replyRefusal(context, task, "notInReview");
  return replyText(`ℹ️ ${presentation.texts.live.ticket.nothingWaits}`, { task: renderTaskLink(context, task) });
}

function confirmTicketVerdict(context: CommandContext, task: Task, verdict: "approved" | "rejected" | "updating") {
  const emoji = verdict === "rejected" ? "✖️" : "✅";
  const text = context.presentation.texts.live.ticket.confirmations[verdict];
  return replyText(`${emoji} ${text}`, { task: renderTaskLink(context, task) });
}

function confirmReviewVerdict(context: CommandContext, task: Task, isApproved: boolean): CommandResult {
  return replyConfirmation(context, task, isApproved ? "approved" : "sentBack", isApproved ? "✅" : "↩️");
}

async function applyVerdict(
  context: CommandContext,
  task: Task,
  { what, hash }: Judged,
  { isApproved, reason }: Verdict,
): Promise<CommandResult> {
  if (what === "review") {
    const answer = isApproved ? "approve" : "send_back";
    const judged = await judgeReview(createCommandCallContext(context), task, answer, reason);
    return confirmReviewVerdict(context, judged, isApproved);
  }
  const { chat, id, correlation, presentation } = context;
  const [request] = await readRequests(context, task, what);
  const decision = { answer: isApproved ? "approve" : "reject", comment: reason, hash };
  const { isDecided } = request ? await submitDecision(context, request, decision) : { isDecided: false };
  if (!isDecided) return replyChanged(task, presentation.texts.live.ticket.outcomes.changed);
  const verdict = what === "result" ? "updating" : isApproved ? "approved" : "rejected";
  const jobs = [createLiveRefreshJob(chat, task.id, `heard.${id}`, correlation)];
  return { ...confirmTicketVerdict(context, task, verdict), jobs };
}

function replyChanged({ key }: Task, template: string): CommandResult {
  return replyText(`ℹ️ ${template}`, { key: toSafeText(key) });
}

function toOption(
  { presentation }: CommandContext,
  { id, key, item }: Task,
  { what, hash }: Judged,
  { isApproved, reason }: Verdict,
): CommandOption {
  const label = presentation.texts.live.ticket.options[what].replace("{title}", () => `${key} ${item.snapshot.name}`);
  return { label, command: "verdict", args: `${isApproved ? "ok" : "no"} ${what} ${id} ${hash} ${reason}` };
}
