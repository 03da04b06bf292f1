/** What a ticket's message waits for: its record, whether the wait is over, and by whose decision. */

import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import type { Store } from "../../../shared/store/port.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toCode,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { findTicket } from "../../../shared/tickets/stored-tickets.ts";
import {
  hasFailedStep,
  hashDecision,
  listOpenDecisions,
  type OpenDecision,
  type Ticket,
  type TicketQuestion,
  toRequestId,
} from "../../../shared/tickets/ticket.ts";
import { isWholeInput, shortenInput, type ToolInput } from "../../../shared/tickets/tool-input.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate, type Presentation } from "../presentation/presentation.ts";
import {
  findPageLink,
  type LiveTicketMessage,
  NEW_MESSAGE,
  type TicketWaitEvent,
  UNCONFIRMED_MESSAGE,
} from "./live-message.ts";

/** What came of something that waited: a line with who decided, and what they wrote. */
export interface WaitOutcome {
  emoji: string;
  line: RichText;
  /** Empty without one. */
  detail: string;
}

/**
 * Time for which the message about the end of a turn waits: 3 s. The runner reports a completion that was written in
 * this turn within 2 s, and then nobody needs to be asked.
 */
const END_OF_TURN_DELAY_MS: Ms = 3 * SECOND;

/**
 * Limits of the input that a message shows whole: 3,000 UTF-16 units, because Telegram's 4,096 have to hold the title
 * and the hint as well, and 40 lines, about what two screens of a phone show.
 */
const CHAT_LIMITS = { units: 3_000, lines: 40, fields: 20 };

/** Limits of an input that does not fit: less, because it is read elsewhere before it is allowed. */
const SHORTENED_LIMITS = { units: 1_200, lines: 24, fields: 8 };

/** Creates the record of a message about what a ticket waits for. */
export function createTicketMessage(ticket: Ticket, event: TicketWaitEvent): LiveTicketMessage {
  const { key, item, shown, questions } = ticket;
  const input = event.wait.kind === "question" && questions.find(({ id }) => id === event.wait.id)?.input;
  return {
    ...NEW_MESSAGE,
    event,
    subject: { id: item.id, key, title: shown.content.title, url: item.url },
    ...(event.wait.kind === "approval" ? { fingerprint: shown.hash } : {}),
    ...(input ? { input: toChatInput(input) } : {}),
  };
}

/** What of a tool's input a message shows. */
function toChatInput(input: ToolInput): ToolInput {
  return shortenInput(input, CHAT_LIMITS) === input ? input : shortenInput(input, SHORTENED_LIMITS);
}

/** Returns how long the send of a ticket's message still has to wait. */
export async function findSendDelay(deps: { store: Pick<Store, "read" | "now"> }, event: TicketWaitEvent): Promise<Ms> {
  if (event.wait.kind !== "question" || event.reason !== "asked_input") return 0;
  const ticket = await findTicket(deps, event.ticket);
  const question = ticket?.questions.find(({ id }) => id === event.wait.id);
  // Claude Code waits for the answer to a question that it offers options for.
  if (!question || question.held) return 0;
  return question.at + END_OF_TURN_DELAY_MS - (await deps.store.now());
}

/** Whether two messages are about the same thing that waits. */
export function isSameWait(one: TicketWaitEvent, other: TicketWaitEvent): boolean {
  return one.ticket === other.ticket && one.wait.kind === other.wait.kind && one.wait.id === other.wait.id;
}

/** Finds the decision that a press is bound to, among those that the ticket waits for now. */
export async function findDecision(
  decisions: readonly OpenDecision[],
  hash: string,
): Promise<OpenDecision | undefined> {
  for (const decision of decisions) if ((await hashDecision(decision)) === hash) return decision;
  return undefined;
}

/** Finds the decision that a message asks for; of a failed update, that about the result. */
export function findOwnDecision({ wait }: TicketWaitEvent, ticket: Ticket): OpenDecision | undefined {
  const kind = wait.kind === "update" ? "result" : wait.kind;
  return listOpenDecisions(ticket).find((open) => open.wait.kind === kind && open.wait.id === wait.id);
}

/** Creates the record of a message whose send got no answer; its text is what waits now. */
export function createUnknownTicketMessage(ticket: Ticket, { wait, question }: OpenDecision): LiveTicketMessage {
  const reason = question && question.kind !== "ended" ? `asked_${question.kind}` : ticket.reason;
  const event = {
    kind: "ticket",
    ticket: ticket.key,
    run: ticket.run,
    from: null,
    state: ticket.state,
    reason,
    text: question?.text ?? ticket.detail,
    by: null,
    wait,
  } as const;
  return { ...createTicketMessage(ticket, event), ...UNCONFIRMED_MESSAGE };
}

/** What a message is about: the kind of its question, else the kind of its wait. */
export function getWaitName({
  wait,
  reason,
}: TicketWaitEvent): TicketQuestion["kind"] | Exclude<TicketWaitEvent["wait"]["kind"], "question"> {
  if (wait.kind !== "question") return wait.kind;
  if (reason === "asked_permission") return "permission";
  if (reason === "asked_time") return "time";
  return ["exited", "time_over", "check_requested", "check_failed"].includes(reason) ? "ended" : "input";
}

/** Finds what came of what a message shows; undefined while it waits. */
export function findWaitOutcome(
  event: TicketWaitEvent,
  ticket: Ticket | undefined,
  texts: TelegramTexts,
): WaitOutcome | undefined {
  if (!ticket) return renderOutcome("ℹ️", texts.live.toast.over);
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

function renderOutcome(emoji: string, template: string, by = "?", detail = ""): WaitOutcome {
  return { emoji, line: fillTemplate(template, { by: toSafeText(by, 80) }), detail };
}

function renderNotNeeded({ live }: TelegramTexts): WaitOutcome {
  return renderOutcome("ℹ️", live.ticket.outcomes.notNeeded);
}

function renderCancelled({ closedBy, state }: Ticket, { live }: TelegramTexts): WaitOutcome {
  const { cancelled, closed } = live.ticket.outcomes;
  if (closedBy !== undefined) return renderOutcome("✖️", cancelled, closedBy);
  return renderOutcome("✖️", state === "cancelled" ? closed : live.toast.over);
}

function findApprovalOutcome(
  { wait, run }: TicketWaitEvent,
  ticket: Ticket,
  texts: TelegramTexts,
): WaitOutcome | undefined {
  const { state, approval, closedBy, detail } = ticket;
  if (state === "pending" && toRequestId(ticket) === wait.id) return undefined;
  const { approved, rejected } = texts.live.ticket.outcomes;
  if (ticket.run === run + 1 && approval) return renderOutcome("✅", approved, approval.by);
  if (ticket.run === run && state === "rejected") return renderOutcome("✖️", rejected, closedBy, detail);
  if (ticket.run === run && state === "cancelled") return renderCancelled(ticket, texts);
  return renderOutcome("ℹ️", texts.live.toast.over);
}

function findQuestionOutcome(event: TicketWaitEvent, ticket: Ticket, texts: TelegramTexts): WaitOutcome | undefined {
  const { id } = event.wait;
  const open = ticket.questions.find((question) => question.id === id);
  if (open && !open.answer) return undefined;
  const answer = open?.answer ?? ticket.answers?.find(({ question }) => question === id);
  if (answer) return renderAnswerOutcome(getWaitName(event), answer, texts);
  if (event.run !== ticket.run) return renderNotNeeded(texts);
  if (ticket.state === "cancelled") return renderCancelled(ticket, texts);
  return ticket.completion ? renderOutcome("🏁", texts.live.ticket.outcomes.completed) : renderNotNeeded(texts);
}

function renderAnswerOutcome(
  name: ReturnType<typeof getWaitName>,
  { text, by }: { text: string; by: string },
  { live }: TelegramTexts,
): WaitOutcome {
  const { allowed, denied, extended, resumed } = live.ticket.outcomes;
  if (name === "permission")
    return text === "deny" ? renderOutcome("⛔", denied, by) : renderOutcome("✅", allowed, by);
  if (name === "ended") return renderOutcome("▶️", resumed, by);
  if (name !== "time") return renderOutcome("💡", live.answered, by, text);
  const values = { minutes: toSafeText(text, 10), by: toSafeText(by, 80) };
  return { emoji: "⏱️", line: fillTemplate(extended, values), detail: "" };
}

/** The update may be done although a later request is pending already. */
function findUpdateOutcome({ run }: TicketWaitEvent, ticket: Ticket, texts: TelegramTexts): WaitOutcome | undefined {
  const { update, state } = ticket;
  if (run !== ticket.run) return renderOutcome("ℹ️", texts.live.toast.over);
  if (update?.comment === "done" && update.state === "done")
    return renderOutcome("✅", texts.live.ticket.update.done, update.by);
  return state === "completed" || state === "updating" ? undefined : renderCancelled(ticket, texts);
}

/** Renders how far the update of Plane is; empty before it was approved, and for what is no result. */
export function renderUpdateProgress(
  { wait }: TicketWaitEvent,
  { update }: Ticket,
  presentation: Presentation,
): RichText[] {
  if (!update || (wait.kind !== "result" && wait.kind !== "update")) return [];
  const { writing, noComment, noStatus } = presentation.texts.live.ticket.update;
  const isFailed = hasFailedStep({ update });
  if (!isFailed) return [joinRichText(["⏳ ", fillTemplate(writing, { by: toSafeText(update.by, 80) })])];
  const problem = toSafeText(update.problem ?? "", 400);
  return [joinRichText(["⚠️ ", toBold(fillTemplate(update.comment === "done" ? noStatus : noComment, { problem }))])];
}

/** Whether a permission may be allowed in the chat: nobody allows there what its message does not show whole. */
export function isAllowableInChat({ kind, input }: TicketQuestion): boolean {
  return kind !== "permission" || (input !== undefined && isWholeInput(toChatInput(input)));
}

/**
 * Whether an open permission must not be allowed in the chat. Its dialog may be what the terminal shows, and would read
 * a text that is typed there as its answer.
 */
export function hasHiddenPermission({ questions }: Ticket): boolean {
  return questions.some((question) => !question.answer && !isAllowableInChat(question));
}

/** Renders a tool and its input. Values are code, in which Telegram detects no links and keeps all white space. */
export function renderToolInputLines(
  presentation: Presentation,
  { tool, fields, fieldsLeftOut }: ToolInput,
): RichText[] {
  const { texts, format } = presentation;
  const { ticket } = texts.live;
  const lines = fields.flatMap(({ label, value, leftOut, end = "" }) => {
    const isBlock = leftOut !== undefined || value.includes("\n");
    const name = joinRichText([findLabel(ticket.fields, label), texts.colon.trimEnd(), isBlock ? "\n" : " "]);
    const first = joinRichText([name, toCode(value === "" && leftOut === undefined ? '""' : value)]);
    if (leftOut === undefined) return [first];
    const gap = fillTemplate(ticket.leftOut.characters, { n: format.number(leftOut) });
    return end === "" ? [first, gap] : [first, gap, toCode(end)];
  });
  const more = fieldsLeftOut && fillTemplate(ticket.leftOut.fields, { n: format.number(fieldsLeftOut) });
  return [toSafeText(tool), ...lines, ...(more ? [more] : [])];
}

function findLabel(labels: Readonly<Record<string, string>>, name: string): RichText {
  const key = `field.${name}`;
  return Object.hasOwn(labels, key) ? toPlainText(labels[key] ?? "") : toSafeText(name);
}

/** Says what can be done with a permission: where to read and allow one that the message does not show whole. */
export function renderPermissionHint(
  { deps, presentation }: DeliveryContext,
  question: TicketQuestion | undefined,
): RichText {
  const { hints, allowElsewhere, page } = presentation.texts.live.ticket;
  if (!question || isAllowableInChat(question)) return toPlainText(hints.permission);
  const place = findPlace(question);
  const link = place === "page" && findPageLink(deps.settings.publicUrl, "/", page, presentation.origins);
  return link ? fillTemplate(allowElsewhere.linked, { page: link }) : toPlainText(allowElsewhere[place]);
}

/** Where a permission can be read whole. */
function findPlace({ input }: TicketQuestion): "page" | "terminal" | "unknown" {
  if (!input) return "unknown";
  return isWholeInput(input) ? "page" : "terminal";
}

/** Why a press or a reply has not answered a question that is still open; undefined when it is not open. */
export function explainHiddenPermission(
  { texts }: Presentation,
  { wait }: TicketWaitEvent,
  ticket: Ticket | undefined,
): string | undefined {
  const open = ticket?.questions.find(({ id, answer }) => id === wait.id && !answer);
  if (wait.kind !== "question" || !ticket || !open || !hasHiddenPermission(ticket)) return undefined;
  const { allowElsewhere } = texts.live.ticket;
  return isAllowableInChat(open) ? allowElsewhere.typing : allowElsewhere[findPlace(open)];
}
