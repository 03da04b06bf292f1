import { omitUndefined } from "../../../shared/omit-undefined.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toPlainText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import { findTicket } from "../../../shared/tickets/change-ticket.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { hashDecision, listOpenDecisions, type OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI } from "../presentation/emoji.ts";
import type { Presentation } from "../presentation/presentation.ts";
import { findWaitOutcome, type WaitOutcome } from "./find-wait-outcome.ts";
import { joinViewLines, type LiveTicketMessage, type MessageView, VIEW_TEXT_LIMIT } from "./live-message.ts";
import { renderQuestionBody } from "./render-session-question.ts";
import { renderApprovalBody } from "./render-ticket-approval.ts";
import { renderResultBody, renderUpdateProgress } from "./render-ticket-result.ts";
import { acceptsInputInChat, renderSubjectLine, toSafeLines } from "./text-lines.ts";

/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** The part of a ticket's message between its headline and what came of it. */
export interface TicketBody {
  headline: string;
  lines: RichText[];
  /** What can be done, while it waits. */
  hint?: string;
  /** Labels with actions, in rows. */
  buttons: TicketButton[][];
}

export interface TicketButton {
  label: string;
  /** Part of the button's data; see `decideTicket`. */
  action: string;
}

/** Renders what a ticket waits for in its present state: open with its buttons, or what came of it. */
export async function renderTicket(context: DeliveryContext, message: LiveTicketMessage): Promise<MessageView> {
  const { deps, presentation } = context;
  const { event, subject } = message;
  const ticket = await findTicket(deps, event.ticket);
  const body = await renderBody(context, message, ticket);
  const head = joinRichText([
    `${EVENT_EMOJI.ticket} `,
    toBold(body.headline),
    presentation.texts.colon,
    renderSubjectLine({ ...subject, title: findTitle(message, ticket) }, presentation),
  ]);
  const outcome = findWaitOutcome(event, ticket, presentation.texts);
  if (outcome || !ticket) {
    const tail = outcome ? renderOutcomeLines(outcome, presentation) : [];
    return { rich: joinTicketLines([head, ...body.lines], tail), isClosed: true };
  }
  const progress = renderUpdateProgress(event, ticket, presentation);
  if (!acceptsInputInChat(context)) return { rich: joinTicketLines([head, ...body.lines], progress), isClosed: false };
  const buttons = await createTicketButtons(ticket, findOwnDecision(message, ticket), body.buttons);
  const hint = progress.length > 0 || body.hint === undefined ? [] : [toPlainText(body.hint)];
  return {
    rich: joinTicketLines([head, ...body.lines], [...progress, ...hint]),
    ...omitUndefined({ buttons: buttons.length > 0 ? buttons : undefined }),
    isClosed: false,
  };
}

/** The line about what came of something, and what was written. */
function renderOutcomeLines({ emoji, line, detail = "" }: WaitOutcome, { texts }: Presentation): RichText[] {
  const head = joinRichText([`${emoji} `, toBold(line)]);
  return detail === "" ? [head] : [joinRichText([head, texts.colon]), ...toSafeLines(detail, 500)];
}

function renderBody(
  context: DeliveryContext,
  message: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> | TicketBody {
  const { event } = message;
  const { ticket: texts } = context.presentation.texts.live;
  switch (event.wait.kind) {
    case "approval":
      return renderApprovalBody(context, message, ticket);
    case "question":
    case "attention":
      return renderQuestionBody(context, message, ticket);
    case "result":
    case "update":
      return renderResultBody(context, event, ticket);
    case "failed":
      return {
        headline: texts.headlines.failed,
        lines: toSafeLines(event.text, 1_000),
        hint: texts.hints.failed,
        buttons: [],
      };
  }
}

/** The title changes with the text that waits for approval. */
function findTitle({ event, subject }: LiveTicketMessage, ticket: Ticket | undefined): string {
  return event.wait.kind === "approval" && ticket?.state === "pending" ? ticket.shown.content.title : subject.title;
}

/** The decision that a message's buttons take; of a failed update, that about the result. */
function findOwnDecision({ event }: LiveTicketMessage, ticket: Ticket): OpenDecision | undefined {
  const kind = event.wait.kind === "update" ? "result" : event.wait.kind;
  return listOpenDecisions(ticket).find(({ wait }) => wait.kind === kind && wait.id === event.wait.id);
}

/**
 * Button data is `ticket:<key>:<action>.<hash>`: the hash binds a press to the decision, and an approval to the text,
 * that this message showed.
 */
async function createTicketButtons(
  { key }: Ticket,
  decision: OpenDecision | undefined,
  rows: readonly TicketButton[][],
): Promise<InlineButton[][]> {
  if (!decision) return [];
  const hash = await hashDecision(decision);
  const buttons = rows.map((row) =>
    row.map(({ label, action }) => ({ text: label, data: `ticket:${key}:${action}.${hash}` })),
  );
  const fits = buttons.flat().every(({ data }) => new TextEncoder().encode(data).length <= BUTTON_DATA_LIMIT);
  return fits ? buttons : [];
}

/** Joins the lines of a message: long texts are shortened, never the last lines, which say who decided or what to do. */
function joinTicketLines(lines: readonly RichText[], tail: readonly RichText[]): RichText {
  const end = joinRichText(tail, "\n");
  const limit = VIEW_TEXT_LIMIT - end.text.length - 1;
  return joinViewLines([truncateRichText(joinRichText(lines, "\n"), limit), ...(tail.length > 0 ? [end] : [])]);
}

/** Renders a value with its label; undefined for an absent one. */
export function renderField(label: string, value: string | undefined, { texts }: Presentation): RichText | undefined {
  return value === undefined ? undefined : joinRichText([label, texts.colon, toSafeText(value)]);
}
