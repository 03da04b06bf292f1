/**
 * /approve and /reject: a person's verdict on a task's review, its ticket, or the result of a ticket. When several
 * wait, buttons ask which one.
 */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { isInReview } from "../../../shared/task/snapshot.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { approveReview, isVerdictPending, sendBackReview } from "../../../shared/tasks/lifecycle/reviews.ts";
import { joinRichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { findTicket } from "../../../shared/tickets/stored-tickets.ts";
import {
  hasFailedStep,
  hashDecision,
  listOpenDecisions,
  type OpenDecision,
  type Ticket,
} from "../../../shared/tickets/ticket.ts";
import { withTask } from "../commands/arguments.ts";
import { replyConfirmation, replyRefusal } from "../commands/changing.ts";
import { type CommandOption, offerChoices } from "../commands/choices.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
  type TelegramCommand,
} from "../commands/command.ts";
import { renderTaskLink } from "../commands/task-lists.ts";
import { hashShownReview, hasReviewChanged } from "../live-messages/reviews.ts";
import { decideTicket } from "../live-messages/ticket-decisions.ts";
import { findDecision } from "../live-messages/ticket-waits.ts";
import { fillTemplate } from "../presentation/presentation.ts";

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
    const judged: Judged = { what: what === "ticket" || what === "result" ? what : "review", hash };
    if (judged.what === "review" && (await hasReviewChanged(context, task, hash)))
      return replyChanged(task, context.presentation.texts.live.toast.changed);
    return applyVerdict(context, task, judged, { isApproved: verb === "ok", reason });
  },
};

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand: TelegramCommand = {
  name: "approve",
  aliases: ["approuver", "ok"],
  run: (context, args) =>
    withTask(context, "approve", args, (task) => judgeTask(context, task, { isApproved: true, reason: "" })),
};

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand: TelegramCommand = {
  name: "reject",
  aliases: ["rejeter", "renvoyer"],
  run: (context, args) =>
    withTask(context, "reject", args, (task, reason) => judgeTask(context, task, { isApproved: false, reason })),
};

/**
 * Approves or rejects what of a task waits: its ticket, or its review. When both wait, buttons ask which one. A result
 * is never approved by the command alone: a button asks, because it may not have been read.
 */
async function judgeTask(context: CommandContext, task: Task, verdict: Verdict): Promise<CommandResult> {
  const { answers, live } = context.presentation.texts;
  const ticket = await findTicket(context.deps, task.key);
  const waiting = await listJudged(context, task, ticket, verdict);
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

async function listJudged(
  context: CommandContext,
  task: Task,
  ticket: Ticket | undefined,
  { isApproved }: Verdict,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const decision of ticket ? listOpenDecisions(ticket) : []) {
    const what = toJudged(decision);
    const isPossible = what === "ticket" || (what === "result" && isApproved && isWritable(ticket));
    if (what && isPossible) judged.push({ what, hash: await hashDecision(decision) });
  }
  const kind = isApproved ? "approved" : "sent_back";
  const callContext = createCommandCallContext(context);
  if (isInReview(task.item) || (await isVerdictPending(callContext, task.id, kind)))
    judged.push({ what: "review", hash: await hashShownReview(context, task) });
  return judged;
}

function toJudged({ wait }: OpenDecision): "ticket" | "result" | undefined {
  if (wait.kind === "approval") return "ticket";
  return wait.kind === "result" ? "result" : undefined;
}

function isWritable(ticket: Ticket | undefined): boolean {
  return ticket?.state === "completed" || hasFailedStep(ticket);
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
    return { reply: { rich: renderConfirmation(context, task, isApproved ? "approved" : "rejected") } };
  if (isRetry && task.item.snapshot.status === (isApproved ? "done" : "todo"))
    return replyConfirmation(context, task, isApproved ? "approved" : "sentBack", isApproved ? "✅" : "↩️");
  if (!deps.settings.tickets) return replyRefusal(context, task, "notInReview");
  const { nothingWaits } = presentation.texts.live.ticket;
  return { reply: { rich: fillTemplate(`ℹ️ ${nothingWaits}`, { task: renderTaskLink(context, task) }) } };
}

function renderConfirmation(context: CommandContext, task: Task, confirmation: "approved" | "rejected" | "updating") {
  const emoji = confirmation === "rejected" ? "✖️" : "✅";
  const text = context.presentation.texts.live.ticket.confirmations[confirmation];
  return joinRichText([`${emoji} `, fillTemplate(text, { task: renderTaskLink(context, task) })]);
}

async function applyVerdict(
  context: CommandContext,
  task: Task,
  judged: Judged,
  { isApproved, reason }: Verdict,
): Promise<CommandResult> {
  if (judged.what !== "review") return judgeTicket(context, task, judged, { isApproved, reason });
  const callContext = createCommandCallContext(context);
  return isApproved
    ? replyConfirmation(context, await approveReview(callContext, task), "approved", "✅")
    : replyConfirmation(context, await sendBackReview(callContext, task, reason), "sentBack", "↩️");
}

async function judgeTicket(
  context: CommandContext,
  task: Task,
  { what, hash }: Judged,
  { isApproved, reason }: Verdict,
): Promise<CommandResult> {
  const { ticket: texts } = context.presentation.texts.live;
  const ticket = await findTicket(context.deps, task.key);
  const decision = ticket && (await findDecision(listOpenDecisions(ticket), hash));
  const action = what === "result" ? "write" : isApproved ? "ok" : "no";
  const isDecided = decision && (await decideTicket(context, ticket, decision, action, reason));
  if (!isDecided) return replyChanged(task, texts.outcomes.changed);
  const confirmation = what === "result" ? "updating" : isApproved ? "approved" : "rejected";
  return {
    reply: { rich: renderConfirmation(context, task, confirmation) },
    jobs: [createLiveRefreshJob(context.chat, ticket.item.id, `heard.${context.id}`, context.correlation)],
  };
}

function replyChanged({ key }: Task, template: string): CommandResult {
  return { reply: { rich: fillTemplate(`ℹ️ ${template}`, { key: toSafeText(key) }) } };
}

function toOption(
  { presentation }: CommandContext,
  { id, key, item }: Task,
  judged: Judged,
  { isApproved, reason }: Verdict,
): CommandOption {
  const title = `${key} ${item.snapshot.name}`;
  const label = presentation.texts.live.ticket.options[judged.what].replace("{title}", () => title);
  return {
    label,
    command: "verdict",
    args: `${isApproved ? "ok" : "no"} ${judged.what} ${id} ${judged.hash} ${reason}`,
  };
}
