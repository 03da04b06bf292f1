/**
 * How requests of tickets look in Telegram: the approval of a ticket and of its result, what its session waits for, and
 * what came of each. All texts of sessions come from programs: they are data.
 */

import { getTexts, type TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { findPart, type RequestRecord } from "../../../shared/task/request.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toCode,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { readMinutes } from "../../../shared/tickets/policy.ts";
import { readDifference } from "../../../shared/tickets/rounds.ts";
import { findTicket, type ObservedSession, readSession } from "../../../shared/tickets/stored-tickets.ts";
import { isAlways, isChecking, type Ticket, type TicketCause } from "../../../shared/tickets/ticket.ts";
import { parseDiff } from "../../../shared/tickets/unified-diff.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  findPageLink,
  type Presentation,
  renderTaskTitle,
  toTicketPath,
} from "../presentation/presentation.ts";
import {
  ASK_FOR_WORDS,
  createOptionRows,
  fillName,
  LABEL_LIMIT,
  type LiveButton,
  type Outcome,
  type RenderContext,
  type RequestRenderer,
  renderHeadline,
  renderLongText,
} from "./live-message.ts";
import { CHAT_LIMITS, findWholePlace, renderTool } from "./tool-input.ts";

/** Limits of the shown description and comment in UTF-16 units; together with the rest they fit into one message. */
const DESCRIPTION_LIMIT = 2_000;

const COMMENT_LIMIT = 1_000;

/** Limit of the shown text of a question and a summary in UTF-16 units; the page has all of them. */
const TEXT_LIMIT = 2_000;

/** Limits of what a message shows of a difference: files, changed lines of the first one, and UTF-16 units of a line. */
const MAX_FILES = 8;

const MAX_LINES = 8;

const LINE_LIMIT = 80;

/** A ticket that waits for approval: where it comes from, and the text that its session would get. */
export const TICKET_RENDERER: RequestRenderer = {
  async render(context, request) {
    const { presentation } = context;
    const { fields, live, colon } = presentation.texts;
    const { noDescription, changed, buttons, hints, policy } = live.ticket;
    const { text: description } = request;
    const renderPart = (label: string, render: (value: string) => RichText[]) => {
      const value = findPart(request, label);
      return value === undefined ? [] : render(value);
    };
    const renderLong = (value: string) => renderLongText(context, value, COMMENT_LIMIT);
    const renderWarning = (value: string) => [toPlainText(`⚠️ ${value}`)];
    const lines = [
      renderTicketHeadline(presentation, request, "approval"),
      ...(await renderOrigin(context, request)),
      ...renderPart("cli", (name) => [joinRichText(["🖥️ ", toSafeText(name, 80)])]),
      ...renderPart("box", renderWarning),
      ...(description === "" ? [toPlainText(noDescription)] : renderLongText(context, description, DESCRIPTION_LIMIT)),
      ...renderPart("comment", (text) => [joinRichText(["💬 ", fields.comment, colon]), ...renderLong(text)]),
      ...renderPart("comments", renderLong),
      ...renderPart("limits", renderWarning),
      ...renderPart("policy", (text) => [toPlainText(`📋 ${policy}`), ...renderLong(text)]),
      ...(request.changed ? [toPlainText(`✏️ ${changed}`)] : []),
    ];
    const row = [[live.approve, "approve"] as const, [buttons.reject, "reject"] as const];
    const judged = [description, findPart(request, "comment") ?? "", findPart(request, "comments") ?? ""];
    return { lines, hint: hints.approval, rows: [row], judged };
  },
  findClosure,
};

/** A tool for which a session asks permission: what it would do, and what can be answered here. */
const PERMISSION_RENDERER: RequestRenderer = {
  async render(context, request) {
    const { presentation } = context;
    const { buttons, hints } = presentation.texts.live.ticket;
    const { answers, input, text, session } = request;
    const rule = cleanLine(session?.rule ?? "", LABEL_LIMIT * 2);
    const toButton = (answer: string): LiveButton => {
      if (answer === "allow_always") return [fillTemplate(buttons.always, { rule }).text, answer];
      if (answer === "allow_in_repo") return [fillTemplate(buttons.inRepository, { rule }).text, answer];
      return [answer === "allow" ? buttons.allow : buttons.deny, answer];
    };
    const rules = answers.filter(isAlways);
    const once = answers.filter((answer) => !isAlways(answer));
    const lines = session?.isNotice ? renderLongText(context, text, TEXT_LIMIT) : renderTool(presentation, text, input);
    const head = renderTicketHeadline(presentation, request, "permission");
    return {
      lines: keepDefined([head, ...lines, renderTerminalLink(context, request)]),
      hint: hints.permission,
      rows: [once.map(toButton), ...rules.map((answer) => [toButton(answer)])],
      ...omitUndefined({ elsewhere: findWholePlace(request) }),
    };
  },
  findClosure,
};

/** The plan of a session, which is approved only where all of it is shown. */
const PLAN_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { live } = context.presentation.texts;
    const { buttons, hints } = live.ticket;
    const head = renderTicketHeadline(context.presentation, request, "plan");
    const lines = [
      head,
      ...renderLongText(context, request.text, CHAT_LIMITS.units),
      renderTerminalLink(context, request),
    ];
    const approve = request.answers.includes("approve") ? [[live.approve, "approve"] as const] : [];
    const sendBack = asking ? [] : [[live.sendBack, ASK_FOR_WORDS] as const];
    return {
      lines: keepDefined(lines),
      hint: asking ? live.plan.hint.reason : hints.plan,
      rows: [[...approve, ...sendBack], [[buttons.reject, "reject"]]],
      judged: [request.text],
    };
  },
  findClosure,
  getWordsText: ({ live }) => live.plan.reasonToast,
};

/** What else a session waits for: an answer, more time, or what follows its end. */
const SESSION_RENDERER: RequestRenderer = {
  async render(context, request, { asking, marked = [] }) {
    const { presentation, deps } = context;
    const { hints, endsAt, part } = presentation.texts.live.ticket;
    const { text, session, options } = request;
    const { series, isMultiple, waits = "input" } = session ?? {};
    const ticket = waits === "ended" ? await findTicket(deps, request.subject.key ?? "") : undefined;
    const name = waits === "ended" ? findEnd(ticket?.reason) : waits;
    const moment = waits === "time" && presentation.format.momentInSentence(Date.parse(text), await deps.store.now());
    const place = series && { number: String(series.answers.length + 1), count: String(series.questions.length) };
    const lines = keepDefined([
      renderTicketHeadline(presentation, request, name),
      place && fillTemplate(part, place),
      ...(moment ? [fillTemplate(endsAt, { time: moment })] : renderLongText(context, text, TEXT_LIMIT)),
      ...options.flatMap(({ label, description }) =>
        description
          ? joinRichText(["• ", toBold(toSafeText(label, 200)), presentation.texts.colon, toSafeText(description, 300)])
          : [],
      ),
      renderTerminalLink(context, request),
    ]);
    const hint = asking ? hints.summary : isMultiple ? hints.choices : hints[waits];
    return { lines, hint, rows: await createSessionRows(context, request, marked) };
  },
  findClosure,
  async renderProgress({ deps, presentation }, { subject, verdict }) {
    const ticket = verdict?.answer === "complete" ? await findTicket(deps, subject.key ?? "") : undefined;
    return ticket && isChecking(ticket)
      ? [toPlainText(`⏳ ${presentation.texts.live.ticket.outcomes.tests}`)]
      : undefined;
  },
  getWordsText: ({ live }) => live.ticket.outcomes.summary,
};

/** A result, or an update of Plane that is not complete. */
export const RESULT_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { presentation, deps } = context;
    const { live } = presentation.texts;
    const { buttons, hints } = live.ticket;
    const ticket = await findTicket(deps, request.subject.key ?? "");
    const problem = findPart(request, "problem");
    const changed = findPart(request, "changed");
    const isFailed = problem !== undefined;
    if (!request.answers.includes("approve")) return renderChecks(context, request);
    const head = renderTicketHeadline(presentation, request, isFailed ? "update" : "result");
    const lines = isFailed
      ? [renderFailure(presentation, ticket, problem)]
      : keepDefined([
          ...renderLongText(context, request.text, TEXT_LIMIT),
          ...(ticket ? await renderFacts(context, ticket) : []),
          changed === undefined ? undefined : toPlainText(`✏️ ${live.ticket.changedInPlane}`),
          ...(changed === undefined ? [] : renderLongText(context, changed, COMMENT_LIMIT)),
          ...(ticket ? await renderDifference(context, ticket) : []),
        ]);
    const approve = [isFailed ? buttons.retry : buttons.approveUpdate, "approve"] as const;
    if (isFailed) return { lines: [head, ...lines], hint: hints.update, rows: [[approve]] };
    const sendBack = asking ? [] : [[live.sendBack, ASK_FOR_WORDS] as const];
    return {
      lines: [head, ...lines],
      hint: asking ? live.plan.hint.reason : hints.result,
      rows: [[approve, ...sendBack]],
      judged: [request.text, changed ?? ""],
    };
  },
  findClosure,
  async findVerdict({ deps }, { verdict, answers, subject }) {
    if (verdict?.answer === "reject") return ["✖️", answers.includes("approve") ? "cancelled" : "checksLeft"];
    if (verdict?.answer !== "approve") return undefined;
    const isWriting = (await findTicket(deps, subject.key ?? ""))?.state === "updating";
    return isWriting ? ["⏳", "writing"] : ["✅", "written"];
  },
  async renderProgress({ deps, presentation }, { subject, verdict, id }) {
    const ticket = await findTicket(deps, subject.key ?? "");
    if (verdict?.answer !== "approve" || ticket?.state !== "updating" || !id.startsWith(`${ticket.key}.${ticket.run}.`))
      return undefined;
    const { problem } = ticket.update ?? {};
    if (problem !== undefined) return [renderFailure(presentation, ticket, problem)];
    return [joinRichText(["⏳ ", fillName(presentation.texts.live.verdicts.writing, verdict.by)])];
  },
};

/** Red checks of a pull request: one press sends them back to the session, with the end of the log. */
function renderChecks({ presentation }: RenderContext, request: RequestRecord) {
  const { live } = presentation.texts;
  const log = findPart(request, "log");
  const lines = keepDefined([
    renderTicketHeadline(presentation, request, "checks"),
    toSafeText(request.text, TEXT_LIMIT),
    log === undefined ? undefined : toCode(log.slice(-COMMENT_LIMIT).toWellFormed()),
  ]);
  const rows = [[[live.sendBack, "send_back"] as const, [live.ticket.buttons.leave, "reject"] as const]];
  return { lines, hint: live.ticket.hints.checks, rows };
}

/** Renders which files a result changes, the first changed lines, and where all of them are. */
async function renderDifference(
  { deps, presentation }: RenderContext,
  ticket: Ticket,
): Promise<(RichText | undefined)[]> {
  const { texts, format } = presentation;
  const difference = await readDifference(deps, ticket);
  if (!difference) return [];
  const files = parseDiff(difference.text);
  const left = files.length - MAX_FILES;
  const lines = (files[0]?.hunks[0]?.lines ?? []).filter(({ kind }) => kind !== "same").slice(0, MAX_LINES);
  const code = lines.map(({ kind, text }) => (kind === "added" ? "+" : "-") + cleanLine(text, LINE_LIMIT)).join("\n");
  return [
    ...files.slice(0, MAX_FILES).map(({ path, insertions, deletions, isBinary }) => {
      const counts = isBinary ? "" : ` +${format.number(insertions)} −${format.number(deletions)}`;
      return joinRichText(["• ", toCode(cleanLine(path, LINE_LIMIT)), counts]);
    }),
    left > 0 ? toPlainText(format.count(texts.more, left)) : undefined,
    code === "" ? undefined : toCode(code),
    findPageLink(presentation, toTicketPath(ticket.key), texts.live.ticket.difference),
  ];
}

/** What of an update is not written yet, and why. */
function renderFailure({ texts }: Presentation, ticket: Ticket | undefined, problem: string): RichText {
  const { noStatus, noComment } = texts.live.ticket.update;
  const template = ticket?.update?.step === "state" ? noStatus : noComment;
  return joinRichText(["⚠️ ", toBold(fillTemplate(template, { problem: toSafeText(problem, 400) }))]);
}

/** How a session has ended that completed nothing. */
function findEnd(reason: string | undefined) {
  return reason === "time_over" || reason === "budget_over" ? reason : "exited";
}

/** The renderer of a request of a session. */
export function getSessionRenderer({ session }: RequestRecord): RequestRenderer | undefined {
  if (!session) return undefined;
  if (session.waits === "plan") return PLAN_RENDERER;
  return session.waits === "permission" ? PERMISSION_RENDERER : SESSION_RENDERER;
}

/** Why nobody has to answer any more. */
async function findClosure(
  { deps, presentation }: RenderContext,
  { closed, subject }: RequestRecord,
): Promise<Outcome> {
  const { live } = presentation.texts;
  const { closed: closedInPlane, completed, notNeeded } = live.ticket.outcomes;
  if (closed?.why === "task_closed") return ["✖️", toPlainText(closedInPlane)];
  const ticket = await findTicket(deps, subject.key ?? "");
  if (ticket?.state === "cancelled" && ticket.closedBy !== undefined)
    return ["✖️", fillName(live.verdicts.cancelled, ticket.closedBy)];
  if (ticket?.state === "cancelled") return ["✖️", toPlainText(closedInPlane)];
  return ticket?.completion ? ["🏁", toPlainText(completed)] : ["ℹ️", toPlainText(notNeeded)];
}

function renderTicketHeadline(
  presentation: Presentation,
  { subject, from }: RequestRecord,
  name: keyof TelegramTexts["live"]["ticket"]["headlines"],
): RichText {
  const { key = "", title, url = "" } = subject;
  const task = renderTaskTitle(presentation, { key, title, url }, { path: toTicketPath(key) });
  return renderHeadline(
    presentation,
    [
      EVENT_EMOJI.ticket,
      fillTemplate(presentation.texts.live.ticket.headlines[name], { cli: toSafeText(from, 40) }).text,
    ],
    task,
  );
}

/** Where a ticket comes from: its project, its priority, and what requested it. */
async function renderOrigin({ deps, presentation }: RenderContext, { subject }: RequestRecord): Promise<RichText[]> {
  const ticket = await findTicket(deps, subject.key ?? "");
  if (!ticket) return [];
  const { fields, priorities, colon } = presentation.texts;
  const { item, shown } = ticket;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.project)]);
  const renderField = (label: string, value: string) => joinRichText([label, colon, toSafeText(value)]);
  return keepDefined([
    renderField(fields.project, project?.value.name ?? item.identifier),
    item.priority === "none" ? undefined : renderField(fields.priority, priorities[item.priority]),
    renderCause(shown.cause, presentation),
  ]);
}

function renderCause({ trigger, by }: TicketCause, { texts }: Presentation): RichText {
  const { ticket } = texts.live;
  const why = ticket.triggers[trigger];
  return by === undefined
    ? fillTemplate(ticket.requested, { why })
    : fillTemplate(ticket.requestedBy, { by: toSafeText(by, 80), why });
}

export function renderTerminalLink(
  { presentation }: RenderContext,
  { subject }: { subject: { key?: string } },
): RichText | undefined {
  const path = `/terminal/${encodeURIComponent(subject.key ?? "")}`;
  return findPageLink(presentation, path, presentation.texts.live.ticket.terminal);
}

async function createSessionRows(
  { deps, presentation }: RenderContext,
  request: RequestRecord,
  marked: readonly number[],
): Promise<readonly LiveButton[][]> {
  const { session, subject } = request;
  const { live } = presentation.texts;
  const { buttons } = live.ticket;
  const complete = [buttons.complete, ASK_FOR_WORDS] as const;
  if (session?.waits === "time" || session?.waits === "budget") {
    const minutes = String(await readMinutes(deps, subject.key ?? ""));
    const { budget } = session;
    const more =
      budget === undefined
        ? fillTemplate(buttons.extend, { minutes })
        : fillTemplate(buttons.grant, { amount: `${budget} USD` });
    return [[[more.text, "extend"]], [[buttons.stop, "cancel"]]];
  }
  if (session?.waits === "ended") return [[[buttons.resume, "resume"], complete], [[live.cancel, "cancel"]]];
  const choose = session?.isMultiple && marked.length > 0 ? [[[buttons.choose, "choose"] as const]] : [];
  return [...createOptionRows(request, marked), ...choose, [complete]];
}

/** Renders the facts of a result: the branch, the size of the change, time and cost. */
async function renderFacts({ deps, presentation }: RenderContext, ticket: Ticket): Promise<RichText[]> {
  const { texts, format } = presentation;
  const { completion, approval } = ticket;
  const session: ObservedSession["session"] | undefined = await readSession(deps, ticket);
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
