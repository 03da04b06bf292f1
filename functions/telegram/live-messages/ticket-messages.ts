/**
 * The message of a ticket: what it waits for (approval, an answer, the acceptance of its result), with the buttons for
 * it.
 */

import {
  localizeCount,
  localizeDuration,
  localizeMomentInSentence,
  localizeMoney,
  localizeNumber,
} from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import type { InlineButton } from "../../../shared/telegram/bot.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { findTicket, type ObservedSession, readSession } from "../../../shared/tickets/stored-tickets.ts";
import {
  findSilence,
  hasFailedStep,
  hashDecision,
  listOpenDecisions,
  type OpenDecision,
  type Ticket,
  type TicketCause,
  type TicketQuestion,
  toRequestId,
} from "../../../shared/tickets/ticket.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, type Presentation } from "../presentation/presentation.ts";
import {
  acceptsInputInChat,
  findPageLink,
  joinViewLines,
  type LiveTicketMessage,
  type MessageView,
  renderLongText,
  renderSubjectLine,
  type TicketWaitEvent,
  toSafeLines,
  VIEW_TEXT_LIMIT,
} from "./live-message.ts";
import {
  findWaitOutcome,
  getQuestionKind,
  isAllowableInChat,
  renderPermissionHint,
  renderToolInputLines,
  renderUpdateProgress,
  type WaitOutcome,
} from "./ticket-waits.ts";

/** The part of a ticket's message between its headline and what came of it. */
interface TicketBody {
  headline: string;
  lines: RichText[];
  /** What can be done, while it waits. */
  hint?: RichText | string;
  /** Labels with actions, in rows. */
  buttons: TicketButton[][];
}

interface TicketButton {
  label: string;
  /** Part of the button's data; see `decideTicket`. */
  action: string;
}

/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** Limits of the shown description and comment in UTF-16 units; together with the rest they fit into one message. */
const DESCRIPTION_LIMIT = 2_000;

const COMMENT_LIMIT = 1_000;

/** Limit of the shown text of a question in UTF-16 units: that of the question itself. */
const TEXT_LIMIT = 2_000;

/** Limit of the text of a screen. */
const SCREEN_LIMIT = 1_000;

/** Maximum number of options that have a button; any other one can be written in a reply. */
const MAX_OPTIONS = 8;

/** Limit of a button's label in UTF-16 units. */
const LABEL_LIMIT = 40;

/** Limit of the shown summary in UTF-16 units; the page and the comment in Plane have all of it. */
const SUMMARY_LIMIT = 2_000;

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
  const hint = progress.length > 0 || body.hint === undefined ? [] : [joinRichText([body.hint])];
  return {
    rich: joinTicketLines([head, ...body.lines], [...progress, ...hint]),
    ...omitUndefined({ buttons: buttons.length > 0 ? buttons : undefined }),
    isClosed: false,
  };
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

/** Renders a ticket that waits for approval: where it comes from, and the text that its session would get. */
async function renderApprovalBody(
  context: DeliveryContext,
  { event, fingerprint: seen }: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { fields, priorities, live } = presentation.texts;
  const texts = live.ticket;
  const body = { headline: texts.headlines.approval, hint: texts.hints.approval };
  // A later request has another text: that of this one is not known any more.
  if (!ticket || !hasText(ticket, event)) return { ...body, lines: [], buttons: [] };
  const { item, shown } = ticket;
  const { description, comment } = shown.content;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.project)]);
  const lines = keepDefined([
    renderField(fields.project, project?.value.name ?? item.identifier, presentation),
    item.priority === "none" ? undefined : renderField(fields.priority, priorities[item.priority], presentation),
    renderCause(shown.cause, presentation),
    ...(description === ""
      ? [toPlainText(texts.noDescription)]
      : renderLongText(context, description, DESCRIPTION_LIMIT)),
    ...(comment === undefined
      ? []
      : [
          joinRichText(["💬 ", fields.comment, presentation.texts.colon]),
          ...renderLongText(context, comment, COMMENT_LIMIT),
        ]),
    seen === shown.hash ? undefined : toPlainText(`✏️ ${texts.changed}`),
  ]);
  const { reject } = texts.buttons;
  return {
    ...body,
    lines,
    buttons: [
      [
        { label: live.approve, action: "ok" },
        { label: reject, action: "no" },
      ],
    ],
  };
}

/** Whether the ticket still has the text of this request. */
function hasText(ticket: Ticket, { wait, run }: TicketWaitEvent): boolean {
  const isApproved = ticket.run === run + 1 && ticket.approval?.hash === ticket.shown.hash;
  return isApproved || toRequestId(ticket) === wait.id;
}

/** Renders a value with its label; undefined for an absent one. */
function renderField(label: string, value: string | undefined, { texts }: Presentation): RichText | undefined {
  return value === undefined ? undefined : joinRichText([label, texts.colon, toSafeText(value)]);
}

function renderCause({ trigger, by }: TicketCause, { texts }: Presentation): RichText {
  const { ticket } = texts.live;
  const why = ticket.triggers[trigger];
  return by === undefined
    ? fillTemplate(ticket.requested, { why })
    : fillTemplate(ticket.requestedBy, { by: toSafeText(by, 80), why });
}

/** Renders what a session waits for, or what a person should look at. All its texts come from programs: they are data. */
async function renderQuestionBody(
  context: DeliveryContext,
  message: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { event } = message;
  const { headlines, hints } = context.presentation.texts.live.ticket;
  if (event.wait.kind === "attention") {
    const text = ticket?.attention ?? event.text;
    const lines = keepDefined([...(await renderAttention(context, text)), renderTerminalLink(context, message)]);
    return { headline: headlines.attention, lines, hint: hints.attention, buttons: [] };
  }
  const kind = getQuestionKind(event);
  const headline = headlines[kind === "ended" ? (event.reason === "time_over" ? "time_over" : "exited") : kind];
  const question = ticket?.questions.find(({ id }) => id === event.wait.id);
  const text =
    kind === "time"
      ? [
          fillTemplate(context.presentation.texts.live.ticket.endsAt, {
            time: await renderMoment(context, Date.parse(event.text)),
          }),
        ]
      : message.input
        ? renderToolInputLines(context.presentation, message.input)
        : renderLongText(context, event.text, TEXT_LIMIT);
  return {
    headline,
    lines: keepDefined([renderPart(context, question), ...text, renderTerminalLink(context, message)]),
    hint: message.asking ? hints.summary : renderHint(context, kind, question),
    buttons: createQuestionButtons(context, message, question),
  };
}

/** A silence has its time, anything else is the text of a screen. */
async function renderAttention(context: DeliveryContext, text: string): Promise<RichText[]> {
  const { silentSince } = context.presentation.texts.live.ticket;
  const since = findSilence(text);
  if (since === undefined) return renderLongText(context, text, SCREEN_LIMIT);
  return [fillTemplate(silentSince, { time: await renderMoment(context, since) })];
}

async function renderMoment({ deps, presentation }: DeliveryContext, at: number): Promise<string> {
  const { texts, timezone } = presentation;
  return localizeMomentInSentence(texts.locale, timezone, at, await deps.store.now());
}

function renderTerminalLink(
  { deps, presentation }: DeliveryContext,
  { event }: LiveTicketMessage,
): RichText | undefined {
  const path = `/terminal/${encodeURIComponent(event.ticket)}`;
  return findPageLink(deps.settings.publicUrl, path, presentation.texts.live.ticket.terminal, presentation.origins);
}

/** The place of a question among those that the session asks with one call. */
function renderPart({ presentation }: DeliveryContext, { series }: Partial<TicketQuestion> = {}): RichText | undefined {
  if (!series) return undefined;
  const values = { number: String(series.answers.length + 1), count: String(series.questions.length) };
  return fillTemplate(presentation.texts.live.ticket.part, values);
}

function renderHint(
  context: DeliveryContext,
  kind: TicketQuestion["kind"],
  question: TicketQuestion | undefined,
): RichText | string {
  if (kind === "permission") return renderPermissionHint(context, question);
  return context.presentation.texts.live.ticket.hints[question?.isMultiple ? "choices" : kind];
}

function createQuestionButtons(
  { deps, presentation }: DeliveryContext,
  { event, marked = [] }: LiveTicketMessage,
  question: TicketQuestion | undefined,
): TicketButton[][] {
  const { options = [], isMultiple }: Partial<TicketQuestion> = question ?? {};
  const { live } = presentation.texts;
  const { buttons } = live.ticket;
  const complete = { label: buttons.complete, action: "done" };
  switch (getQuestionKind(event)) {
    case "permission":
      return [
        [
          ...(question && isAllowableInChat(question) ? [{ label: buttons.allow, action: "allow" }] : []),
          { label: buttons.deny, action: "deny" },
        ],
      ];
    case "input": {
      const toMark = (i: number) => (isMultiple ? (marked.includes(i) ? "☑ " : "☐ ") : "");
      const toLabel = (option: string, i: number) => toMark(i) + (cleanLine(option, LABEL_LIMIT) || String(i + 1));
      const choices = options
        .slice(0, MAX_OPTIONS)
        .map((option, i) => [{ label: toLabel(option, i), action: `option${i}` }]);
      const choose = isMultiple && marked.length > 0 ? [[{ label: buttons.choose, action: "choose" }]] : [];
      return [...choices, ...choose, [complete]];
    }
    case "time": {
      const minutes = String(deps.settings.tickets?.minutes ?? 30);
      return [
        [{ label: fillTemplate(buttons.extend, { minutes }).text, action: "more" }],
        [{ label: buttons.stop, action: "cancel" }],
      ];
    }
    case "ended":
      return [[{ label: buttons.resume, action: "resume" }, complete], [{ label: live.cancel, action: "cancel" }]];
  }
}

/** Renders a result: the summary, the branch, the size of the change, time and cost. */
async function renderResultBody(
  context: DeliveryContext,
  { wait, run }: TicketWaitEvent,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { ticket: texts } = presentation.texts.live;
  const headline = texts.headlines[wait.kind === "update" ? "update" : "result"];
  const { completion } = ticket ?? {};
  if (ticket?.run !== run || !completion) return { headline, lines: [], buttons: [] };
  const { approveUpdate, retry } = texts.buttons;
  const label = ticket.state === "completed" ? approveUpdate : retry;
  // A step that is being written needs no press.
  const isPressable = ticket.state === "completed" || hasFailedStep(ticket);
  const result =
    wait.kind === "update"
      ? []
      : [
          ...renderLongText(context, completion.summary, SUMMARY_LIMIT),
          ...renderFacts(ticket, await readSession(deps, ticket), presentation),
        ];
  return {
    headline,
    lines: result,
    hint: texts.hints.result,
    buttons: isPressable ? [[{ label, action: "write" }]] : [],
  };
}

function renderFacts(
  { completion, approval }: Ticket,
  session: ObservedSession["session"] | undefined,
  { texts }: Presentation,
): RichText[] {
  const { locale } = texts;
  const labels = getTexts(locale).comments.ticket;
  const number = (n: number) => localizeNumber(locale, n);
  const { branch, diff, commits = [], cost_usd: cost } = session ?? {};
  return keepDefined([
    branch ? fillTemplate(labels.branch, { branch: toSafeText(branch) }) : undefined,
    diff &&
      fillTemplate(labels.diff, {
        files: number(diff.files),
        insertions: number(diff.insertions),
        deletions: number(diff.deletions),
      }),
    commits.length > 0 ? toPlainText(localizeCount(texts, texts.live.ticket.commits, commits.length)) : undefined,
    completion &&
      approval &&
      fillTemplate(labels.time, { time: localizeDuration(locale, completion.at - approval.at) }),
    cost === undefined ? undefined : fillTemplate(labels.cost, { cost: localizeMoney(locale, cost, "USD") }),
  ]);
}

/** The title changes with the text that waits for approval. */
function findTitle({ event, subject }: LiveTicketMessage, ticket: Ticket | undefined): string {
  return event.wait.kind === "approval" && ticket?.state === "pending" ? ticket.shown.content.title : subject.title;
}

/** The line about what came of something, and what was written. */
function renderOutcomeLines({ emoji, line, detail = "" }: WaitOutcome, { texts }: Presentation): RichText[] {
  const head = joinRichText([`${emoji} `, toBold(line)]);
  return detail === "" ? [head] : [joinRichText([head, texts.colon]), ...toSafeLines(detail, 500)];
}

/** Joins the lines of a message: long texts are shortened, never the last lines, which say who decided or what to do. */
function joinTicketLines(lines: readonly RichText[], tail: readonly RichText[]): RichText {
  const end = joinRichText(tail, "\n");
  const limit = VIEW_TEXT_LIMIT - end.text.length - 1;
  return joinViewLines([truncateRichText(joinRichText(lines, "\n"), limit), ...(tail.length > 0 ? [end] : [])]);
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

/** The decision that a message's buttons take; of a failed update, that about the result. */
function findOwnDecision({ event }: LiveTicketMessage, ticket: Ticket): OpenDecision | undefined {
  const kind = event.wait.kind === "update" ? "result" : event.wait.kind;
  return listOpenDecisions(ticket).find(({ wait }) => wait.kind === kind && wait.id === event.wait.id);
}
