/**
 * Messages about tickets that are no requests: a session that failed, and one that needs a look, whose terminal takes a
 * reply.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { isRequestOpen, type RequestRecord } from "../../../shared/task/request.ts";
import { type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { changeTicket, findTicket } from "../../../shared/tickets/stored-tickets.ts";
import { findSilence, type Ticket } from "../../../shared/tickets/ticket.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import { type CommandContext, type CommandResult, replyText } from "../commands/command.ts";
import { EVENT_EMOJI, fillTemplate, renderTaskTitle, toTicketPath } from "../presentation/presentation.ts";
import {
  type LiveContent,
  NEW_MESSAGE,
  type RenderContext,
  renderHeadline,
  renderLongText,
  renderOutcome,
  SHORT_LINES,
  type TicketMessage,
  type TicketWaitEvent,
  toSafeLines,
} from "./live-message.ts";
import { renderTerminalLink } from "./ticket-renderers.ts";

/**
 * Time for which the message about the end of a turn waits: 3 s. The runner reports a completion that was written in
 * this turn within 2 s, and then nobody needs to be asked.
 */
const END_OF_TURN_DELAY_MS: Ms = 3 * SECOND;

/** Limit of the text of a screen. */
const SCREEN_LIMIT = 1_000;

/** Creates the message of a step of a ticket; undefined when there is no such ticket. */
export async function createTicketMessage(
  deps: RenderContext["deps"],
  event: TicketWaitEvent,
): Promise<(typeof NEW_MESSAGE & TicketMessage) | undefined> {
  const ticket = await findTicket(deps, event.ticket);
  if (!ticket) return undefined;
  const { key, item, shown } = ticket;
  return { ...NEW_MESSAGE, event, subject: { id: item.id, key, title: shown.content.title, url: item.url } };
}

/** Whether a step of a ticket only informs people; else it is a request. */
export function isNotice({ wait }: TicketWaitEvent): boolean {
  return wait.kind === "attention" || wait.kind === "failed";
}

/** Returns how long the send of the message of a ticket's request still has to wait. */
export function findSendDelay(request: RequestRecord | undefined, now: Ms): Ms {
  const { waits, call } = request?.session ?? {};
  // Claude Code waits for the answer to a question that it offers options for.
  return request && waits === "input" && call === undefined ? request.createdAt + END_OF_TURN_DELAY_MS - now : 0;
}

/** Renders what a person should look at: a silence has its time, anything else is the text of a screen. */
export async function renderTicketNotice(
  context: RenderContext,
  { event, subject }: TicketMessage,
): Promise<LiveContent> {
  const { deps, presentation } = context;
  const { headlines, hints, outcomes } = presentation.texts.live.ticket;
  const name = event.wait.kind === "failed" ? "failed" : "attention";
  const head = renderHeadline(
    presentation,
    [EVENT_EMOJI.ticket, headlines[name]],
    renderTaskTitle(presentation, subject, { path: toTicketPath(subject.key) }),
  );
  if (name === "failed") return { lines: [head, ...toSafeLines(event.text, 1_000, SHORT_LINES)], hint: hints.failed };
  const ticket = await findTicket(deps, event.ticket);
  const text = ticket?.attention ?? event.text;
  const link = renderTerminalLink(context, { subject: { key: event.ticket } });
  const lines = [head, ...(await renderAttention(context, text)), ...keepDefined([link])];
  const isOver = ticket?.attention === undefined || event.run !== ticket.run;
  if (isOver) return { lines, outcome: renderOutcome(presentation, ["ℹ️", toPlainText(outcomes.notNeeded)]) };
  return { lines, hint: hints.attention };
}

async function renderAttention(context: RenderContext, text: string): Promise<RichText[]> {
  const { deps, presentation } = context;
  const since = findSilence(text);
  if (since === undefined) return renderLongText(context, text, SCREEN_LIMIT);
  const time = presentation.format.momentInSentence(since, await deps.store.now());
  return [fillTemplate(presentation.texts.live.ticket.silentSince, { time })];
}

/** Types a reply into a session that needs a look. The update's id is that of the input, so it is typed once. */
export async function replyToNotice(
  { deps, id, presentation, correlation }: CommandContext,
  { event }: TicketMessage,
  text: string,
): Promise<CommandResult | undefined> {
  if (event.wait.kind !== "attention") return undefined;
  const { outcomes } = presentation.texts.live.ticket;
  const ticket = await findTicket(deps, event.ticket);
  if (!ticket || ticket.run !== event.run) return replyText(outcomes.notNeeded);
  // A dialog may be what the terminal shows: it would read the text as its answer, or, at the start, get nothing of it.
  if (ticket.state === "starting" || hasOpenPermission(ticket))
    return replyText(presentation.texts.refusals.terminalBusy);
  const typed = { kind: "typed", input: { id, kind: "text", text: text.trim() } } as const;
  try {
    await changeTicket(deps, ticket.key, typed, correlation);
    return replyText(outcomes.typed, { key: ticket.key });
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    return replyText(outcomes.notNeeded);
  }
}

function hasOpenPermission({ questions }: Ticket): boolean {
  return questions.some((question) => isRequestOpen(question) && question.session.waits === "permission");
}
