import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Ticket, TicketQuestion } from "../../../shared/tickets/ticket.ts";
import { toRequestId } from "../../../shared/tickets/ticket-wait.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { TicketWaitEvent } from "./live-message.ts";

/** What came of something that waited: a line with who decided, and what they wrote. */
export interface WaitOutcome {
  emoji: string;
  line: RichText;
  detail?: string;
}

/** The kind of question that a message shows. */
export function getQuestionKind({ reason }: Pick<TicketWaitEvent, "reason">): TicketQuestion["kind"] {
  if (reason === "asked_permission") return "permission";
  if (reason === "asked_time") return "time";
  return reason === "exited" || reason === "time_over" ? "ended" : "input";
}

/** Finds what came of what a message shows; undefined while it waits. */
export function findWaitOutcome(
  event: TicketWaitEvent,
  ticket: Ticket | undefined,
  texts: TelegramTexts,
): WaitOutcome | undefined {
  if (!ticket) return { emoji: "ℹ️", line: toPlainText(texts.live.toast.over) };
  switch (event.wait.kind) {
    case "approval":
      return findApprovalOutcome(event, ticket, texts);
    case "question":
      return findQuestionOutcome(event, ticket, texts);
    case "attention":
      return ticket.attention === undefined || event.run !== ticket.run ? renderNotNeeded(texts) : undefined;
    case "result":
    case "update":
      return findUpdateOutcome(event, ticket, texts);
    case "failed":
      return undefined;
  }
}

function findApprovalOutcome(
  { wait, run }: TicketWaitEvent,
  ticket: Ticket,
  texts: TelegramTexts,
): WaitOutcome | undefined {
  if (ticket.state === "pending" && toRequestId(ticket) === wait.id) return undefined;
  const { outcomes } = texts.live.ticket;
  if (ticket.run === run + 1 && ticket.approval)
    return { emoji: "✅", line: renderBy(outcomes.approved, ticket.approval.by) };
  if (ticket.run === run && ticket.state === "rejected")
    return { emoji: "✖️", line: renderBy(outcomes.rejected, ticket.closedBy), detail: ticket.detail };
  const isCancelled = ticket.run === run && ticket.state === "cancelled";
  return isCancelled ? renderCancelled(ticket, texts) : { emoji: "ℹ️", line: toPlainText(texts.live.toast.over) };
}

function findQuestionOutcome(event: TicketWaitEvent, ticket: Ticket, texts: TelegramTexts): WaitOutcome | undefined {
  const { id } = event.wait;
  const { outcomes } = texts.live.ticket;
  const open = ticket.questions.find((question) => question.id === id);
  if (open && !open.answer) return undefined;
  const answer = open?.answer ?? ticket.answers?.find(({ question }) => question === id);
  const kind = getQuestionKind(event);
  if (answer && kind === "permission")
    return answer.text === "deny"
      ? { emoji: "⛔", line: renderBy(outcomes.denied, answer.by) }
      : { emoji: "✅", line: renderBy(outcomes.allowed, answer.by) };
  if (answer && kind === "time") {
    const values = { minutes: toSafeText(answer.text, 10), by: toSafeText(answer.by, 80) };
    return { emoji: "⏱️", line: fillTemplate(outcomes.extended, values) };
  }
  if (answer && kind === "ended") return { emoji: "▶️", line: renderBy(outcomes.resumed, answer.by) };
  if (answer) return { emoji: "💡", line: renderBy(outcomes.answered, answer.by), detail: answer.text };
  if (event.run !== ticket.run) return renderNotNeeded(texts);
  if (ticket.state === "cancelled") return renderCancelled(ticket, texts);
  return ticket.completion ? { emoji: "🏁", line: toPlainText(outcomes.completed) } : renderNotNeeded(texts);
}

/** The update may be done although a later request is pending already. */
function findUpdateOutcome({ run }: TicketWaitEvent, ticket: Ticket, texts: TelegramTexts): WaitOutcome | undefined {
  const { update } = ticket;
  if (run !== ticket.run) return { emoji: "ℹ️", line: toPlainText(texts.live.toast.over) };
  if (update?.comment === "done" && update.state === "done")
    return { emoji: "✅", line: renderBy(texts.live.ticket.update.done, update.by) };
  if (ticket.state === "completed" || ticket.state === "updating") return undefined;
  return renderCancelled(ticket, texts);
}

function renderCancelled({ closedBy, state }: Ticket, { live }: TelegramTexts): WaitOutcome {
  const { outcomes } = live.ticket;
  if (closedBy !== undefined) return { emoji: "✖️", line: renderBy(outcomes.cancelled, closedBy) };
  return { emoji: "✖️", line: toPlainText(state === "cancelled" ? outcomes.closed : live.toast.over) };
}

function renderNotNeeded({ live }: TelegramTexts): WaitOutcome {
  return { emoji: "ℹ️", line: toPlainText(live.ticket.outcomes.notNeeded) };
}

function renderBy(template: string, by = "?"): RichText {
  return fillTemplate(template, { by: toSafeText(by, 80) });
}
