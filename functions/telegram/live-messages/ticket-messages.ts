/**
 * The message of a ticket: what it waits for (approval, an answer, the acceptance of its result), with the buttons for
 * it.
 */

import { getTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { findTicket, type ObservedSession, readSession } from "../../../shared/tickets/stored-tickets.ts";
import {
  findSilence,
  hasFailedStep,
  hashDecision,
  type Ticket,
  type TicketCause,
  type TicketQuestion,
  toRequestId,
} from "../../../shared/tickets/ticket.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, type Presentation, renderTaskTitle } from "../presentation/presentation.ts";
import {
  findPageLink,
  type LiveContent,
  type LiveTicketMessage,
  renderHeadline,
  renderLongText,
  renderVerdict,
  type TicketWaitEvent,
  toSafeLines,
} from "./live-message.ts";
import {
  findOwnDecision,
  findWaitOutcome,
  getWaitName,
  isAllowableInChat,
  renderPermissionHint,
  renderToolInputLines,
  renderUpdateProgress,
} from "./ticket-waits.ts";

/** The rows of buttons of a message; see `decideTicket` for their actions. */
type ButtonRows = NonNullable<LiveContent["buttons"]>["rows"];

/** The part of a ticket's message below its headline. */
interface TicketBody {
  lines: RichText[];
  /** What can be done, where it is not what its kind of wait says in general. */
  hint?: RichText | string;
  rows?: ButtonRows;
}

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
export async function renderTicket(context: DeliveryContext, message: LiveTicketMessage): Promise<LiveContent> {
  const { deps, presentation } = context;
  const { texts } = presentation;
  const { headlines, hints } = texts.live.ticket;
  const { event, subject } = message;
  const { wait } = event;
  const name = getWaitName(event);
  const ticket = await findTicket(deps, event.ticket);
  const { lines: body, hint, rows = [] } = await renderBody(context, message, ticket);
  // The title changes with the text that waits for approval.
  const isPending = wait.kind === "approval" && ticket?.state === "pending";
  const title = isPending ? ticket.shown.content.title : subject.title;
  const headline = headlines[name === "ended" ? (event.reason === "time_over" ? "time_over" : "exited") : name];
  const subjectLine = renderTaskTitle(presentation, { ...subject, title });
  const lines = [renderHeadline(presentation, [EVENT_EMOJI.ticket, headline], subjectLine), ...body];
  const outcome = findWaitOutcome(event, ticket, texts);
  if (outcome) {
    const { emoji, line, detail } = outcome;
    return { lines, outcome: renderVerdict(presentation, emoji, line, detail || null, 500) };
  }
  const progress = ticket ? renderUpdateProgress(event, ticket, presentation) : [];
  const decision = ticket && findOwnDecision(event, ticket);
  return {
    lines,
    progress,
    ...(progress.length > 0 ? {} : { hint: hint ?? hints[name === "update" ? "result" : name] }),
    ...(decision ? { buttons: { id: event.ticket, hash: await hashDecision(decision), rows } } : {}),
  };
}

function renderBody(
  context: DeliveryContext,
  message: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> | TicketBody {
  const { event } = message;
  switch (event.wait.kind) {
    case "approval":
      return renderApprovalBody(context, message, ticket);
    case "question":
      return renderQuestionBody(context, message, ticket);
    case "attention":
      return renderAttentionBody(context, event, ticket);
    case "result":
    case "update":
      return renderResultBody(context, event, ticket);
    case "failed":
      return { lines: toSafeLines(event.text, 1_000) };
  }
}

/** Renders a ticket that waits for approval: where it comes from, and the text that its session would get. */
async function renderApprovalBody(
  context: DeliveryContext,
  { event, fingerprint: seen }: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { fields, priorities, live, colon } = presentation.texts;
  const texts = live.ticket;
  // A later request has another text: that of this one is not known any more.
  if (!ticket || !hasText(ticket, event)) return { lines: [] };
  const { item, shown } = ticket;
  const { description, comment } = shown.content;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.project)]);
  const renderField = (label: string, value: string) => joinRichText([label, colon, toSafeText(value)]);
  const lines = keepDefined([
    renderField(fields.project, project?.value.name ?? item.identifier),
    item.priority === "none" ? undefined : renderField(fields.priority, priorities[item.priority]),
    renderCause(shown.cause, presentation),
    ...(description === ""
      ? [toPlainText(texts.noDescription)]
      : renderLongText(context, description, DESCRIPTION_LIMIT)),
    ...(comment === undefined
      ? []
      : [joinRichText(["💬 ", fields.comment, colon]), ...renderLongText(context, comment, COMMENT_LIMIT)]),
    seen === shown.hash ? undefined : toPlainText(`✏️ ${texts.changed}`),
  ]);
  const rows: ButtonRows = [
    [
      [live.approve, "ok"],
      [texts.buttons.reject, "no"],
    ],
  ];
  return { lines, rows };
}

/** Whether the ticket still has the text of this request. */
function hasText(ticket: Ticket, { wait, run }: TicketWaitEvent): boolean {
  const isApproved = ticket.run === run + 1 && ticket.approval?.hash === ticket.shown.hash;
  return isApproved || toRequestId(ticket) === wait.id;
}

function renderCause({ trigger, by }: TicketCause, { texts }: Presentation): RichText {
  const { ticket } = texts.live;
  const why = ticket.triggers[trigger];
  return by === undefined
    ? fillTemplate(ticket.requested, { why })
    : fillTemplate(ticket.requestedBy, { by: toSafeText(by, 80), why });
}

/** Renders what a session waits for. All its texts come from programs: they are data. */
async function renderQuestionBody(
  context: DeliveryContext,
  message: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { event, input, asking } = message;
  const { presentation } = context;
  const { hints, endsAt } = presentation.texts.live.ticket;
  const question = ticket?.questions.find(({ id }) => id === event.wait.id);
  const name = getWaitName(event);
  const text =
    name === "time"
      ? [fillTemplate(endsAt, { time: await renderMoment(context, Date.parse(event.text)) })]
      : input
        ? renderToolInputLines(presentation, input)
        : renderLongText(context, event.text, TEXT_LIMIT);
  return {
    lines: keepDefined([renderPart(context, question), ...text, renderTerminalLink(context, event)]),
    ...(name === "permission" ? { hint: renderPermissionHint(context, question) } : {}),
    ...(question?.isMultiple ? { hint: hints.choices } : {}),
    ...(asking ? { hint: hints.summary } : {}),
    rows: createQuestionRows(context, message, question),
  };
}

/** Renders what a person should look at: a silence has its time, anything else is the text of a screen. */
async function renderAttentionBody(
  context: DeliveryContext,
  event: TicketWaitEvent,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { silentSince } = context.presentation.texts.live.ticket;
  const text = ticket?.attention ?? event.text;
  const since = findSilence(text);
  const lines =
    since === undefined
      ? renderLongText(context, text, SCREEN_LIMIT)
      : [fillTemplate(silentSince, { time: await renderMoment(context, since) })];
  return { lines: keepDefined([...lines, renderTerminalLink(context, event)]) };
}

async function renderMoment({ deps, presentation }: DeliveryContext, at: number): Promise<string> {
  return presentation.format.momentInSentence(at, await deps.store.now());
}

function renderTerminalLink(
  { deps, presentation }: DeliveryContext,
  { ticket }: TicketWaitEvent,
): RichText | undefined {
  const path = `/terminal/${encodeURIComponent(ticket)}`;
  return findPageLink(deps.settings.publicUrl, path, presentation.texts.live.ticket.terminal, presentation.origins);
}

/** The place of a question among those that the session asks with one call. */
function renderPart({ presentation }: DeliveryContext, { series }: Partial<TicketQuestion> = {}): RichText | undefined {
  if (!series) return undefined;
  const values = { number: String(series.answers.length + 1), count: String(series.questions.length) };
  return fillTemplate(presentation.texts.live.ticket.part, values);
}

function createQuestionRows(
  { deps, presentation }: DeliveryContext,
  { event, marked = [] }: LiveTicketMessage,
  question: TicketQuestion | undefined,
): ButtonRows {
  const { options = [], isMultiple }: Partial<TicketQuestion> = question ?? {};
  const { live } = presentation.texts;
  const { buttons } = live.ticket;
  const complete = [buttons.complete, "done"] as const;
  switch (getWaitName(event)) {
    case "permission":
      return [
        [
          ...(question && isAllowableInChat(question) ? [[buttons.allow, "allow"] as const] : []),
          [buttons.deny, "deny"],
        ],
      ];
    case "time": {
      const minutes = String(deps.settings.tickets?.minutes ?? 30);
      return [[[fillTemplate(buttons.extend, { minutes }).text, "more"]], [[buttons.stop, "cancel"]]];
    }
    case "ended":
      return [[[buttons.resume, "resume"], complete], [[live.cancel, "cancel"]]];
    default: {
      const toMark = (i: number) => (isMultiple ? (marked.includes(i) ? "☑ " : "☐ ") : "");
      const toLabel = (option: string, i: number) => toMark(i) + (cleanLine(option, LABEL_LIMIT) || String(i + 1));
      const choices = options.slice(0, MAX_OPTIONS).map((option, i) => [[toLabel(option, i), `option${i}`] as const]);
      const choose = isMultiple && marked.length > 0 ? [[[buttons.choose, "choose"] as const]] : [];
      return [...choices, ...choose, [complete]];
    }
  }
}

/** Renders a result: the summary, the branch, the size of the change, time and cost. */
async function renderResultBody(
  context: DeliveryContext,
  { wait, run }: TicketWaitEvent,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { approveUpdate, retry } = presentation.texts.live.ticket.buttons;
  if (ticket?.run !== run || !ticket.completion) return { lines: [] };
  const isCompleted = ticket.state === "completed";
  // A step that is being written needs no press.
  const isPressable = isCompleted || hasFailedStep(ticket);
  return {
    lines:
      wait.kind === "update"
        ? []
        : [
            ...renderLongText(context, ticket.completion.summary, SUMMARY_LIMIT),
            ...renderFacts(ticket, await readSession(deps, ticket), presentation),
          ],
    rows: isPressable ? [[[isCompleted ? approveUpdate : retry, "write"]]] : [],
  };
}

function renderFacts(
  { completion, approval }: Ticket,
  session: ObservedSession["session"] | undefined,
  { texts, format }: Presentation,
): RichText[] {
  const labels = getTexts(texts.locale).comments.ticket;
  const { number } = format;
  const { branch, diff, commits = [], cost_usd: cost } = session ?? {};
  const { files = 0, insertions = 0, deletions = 0 } = diff ?? {};
  const sizes = { files: number(files), insertions: number(insertions), deletions: number(deletions) };
  const took = completion && approval && completion.at - approval.at;
  return keepDefined([
    branch ? fillTemplate(labels.branch, { branch: toSafeText(branch) }) : undefined,
    diff && fillTemplate(labels.diff, sizes),
    commits.length > 0 ? toPlainText(format.count(texts.live.ticket.commits, commits.length)) : undefined,
    took === undefined ? undefined : fillTemplate(labels.time, { time: format.duration(took) }),
    cost === undefined ? undefined : fillTemplate(labels.cost, { cost: format.money(cost) }),
  ]);
}
