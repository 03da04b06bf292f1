/**
 * How requests of tickets look in Telegram: the approval of a ticket and of its result, what its session waits for, and
 * what came of each. All texts of sessions come from programs: they are data.
 */

import { getTexts, type TelegramTexts } from "../../../shared/i18n/texts.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { findPart, type RequestKindName, type RequestPart, type RequestRecord } from "../../../shared/task/request.ts";
import {
  joinRichText,
  type RichText,
  type TextPart,
  toBold,
  toCode,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { readMinutes } from "../../../shared/tickets/policy.ts";
import { readDifference } from "../../../shared/tickets/rounds.ts";
import { findTicket, readSession } from "../../../shared/tickets/stored-tickets.ts";
import { findSilence, isAlways, isChecking, type Ticket } from "../../../shared/tickets/ticket.ts";
import { isWholeInput, shortenInput } from "../../../shared/tickets/tool-input.ts";
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
  LABEL_LIMIT,
  type LiveButton,
  type LiveContent,
  type Outcome,
  type RenderContext,
  type RequestRenderer,
  renderHeadline,
  renderOutcome,
  renderVerdict,
  SHORT_LINES,
  type TicketMessage,
  toLongLines,
  toSafeLines,
  type WholePlace,
} from "./live-message.ts";

/** Limits of shown texts in UTF-16 units; with the rest they fit into one message, and the page has all of them. */
const TEXT_LIMIT = 2_000;

const COMMENT_LIMIT = 1_000;

/** Limits of what a message shows of a difference: files, changed lines of the first one, and UTF-16 units of a line. */
const DIFF_LIMITS = { files: 8, lines: 8, units: 80 };

/**
 * Limits of the input of a tool that a message shows whole: 3,000 UTF-16 units, because Telegram's 4,096 have to hold
 * the title and the hint as well, and 40 lines, about what two screens of a phone show.
 */
const TOOL_LIMITS = { units: 3_000, lines: 40, fields: 20 };

/** Limits of an input that does not fit: less, because it is read elsewhere before it is allowed. */
const SHORTENED_LIMITS = { units: 1_200, lines: 24, fields: 8 };

/** How the requests of tickets look: those of a session by their kind, and those for what a ticket itself waits for. */
export const TICKET_RENDERERS: Partial<Record<RequestKindName, RequestRenderer>> = {
  /** A ticket that waits for approval: where it comes from, the text that its session would get, and what else is judged. */
  ticket: {
    async render(context, request) {
      const { presentation } = context;
      const { fields, live, colon } = presentation.texts;
      const { noDescription, changed, buttons, hints, policy } = live.ticket;
      const { text: description, input } = request;
      const comment = `💬 ${fields.comment}${colon}`;
      const marks: Record<string, string> = { cli: "🖥️ ", box: "⚠️ ", limits: "⚠️ ", policy: `📋 ${policy} `, comment };
      const renderPart = ({ label, value }: RequestPart) => {
        const [first, ...others] = toLongLines(value, COMMENT_LIMIT);
        return [joinRichText([marks[label], first]), ...others];
      };
      const lines = [
        renderTicketHeadline(presentation, request, "approval"),
        ...(await renderOrigin(context, request)),
        ...(description === "" ? [noDescription] : toLongLines(description, TEXT_LIMIT)),
        ...input.flatMap(renderPart),
        request.changed && `✏️ ${changed}`,
      ];
      const row = [[live.approve, "approve"] as const, [buttons.reject, "reject"] as const];
      const judged = [description, findPart(request, "comment") ?? "", findPart(request, "comments") ?? ""];
      return { lines, hint: hints.approval, rows: [row], judged };
    },
  },
  /** A tool for which a session asks permission: what it would do, and what can be answered here. */
  permission: {
    async render(context, request) {
      const { presentation } = context;
      const { buttons, hints } = presentation.texts.live.ticket;
      const { answers, text, session } = request;
      const rule = cleanLine(session?.rule ?? "", LABEL_LIMIT * 2);
      const toButton = (answer: string): LiveButton => {
        if (answer === "allow_always") return [fillTemplate(buttons.always, { rule }).text, answer];
        if (answer === "allow_in_repo") return [fillTemplate(buttons.inRepository, { rule }).text, answer];
        return [answer === "allow" ? buttons.allow : buttons.deny, answer];
      };
      const rules = answers.filter(isAlways);
      const once = answers.filter((answer) => !isAlways(answer));
      const lines = session?.isNotice ? toLongLines(text, TEXT_LIMIT) : renderTool(presentation, request);
      const head = renderTicketHeadline(presentation, request, "permission");
      return {
        lines: [head, ...lines, renderTerminalLink(context, request)],
        hint: hints.permission,
        rows: [once.map(toButton), ...rules.map((answer) => [toButton(answer)])],
        ...omitUndefined({ elsewhere: findWholePlace(request) }),
      };
    },
  },
  /** The plan of a session, which is approved only where all of it is shown. */
  plan: {
    async render(context, request, { asking }) {
      const { live } = context.presentation.texts;
      const { buttons, hints } = live.ticket;
      const head = renderTicketHeadline(context.presentation, request, "plan");
      const plan = stripMarkdown(request.text);
      const approve = request.answers.includes("approve") ? [[live.approve, "approve"] as const] : [];
      const sendBack = asking ? [] : [[live.sendBack, ASK_FOR_WORDS] as const];
      return {
        lines: [head, ...toLongLines(plan, TOOL_LIMITS.units), renderTerminalLink(context, request)],
        hint: asking ? live.plan.hint.reason : hints.plan,
        rows: [[...approve, ...sendBack], [[buttons.reject, "reject"]]],
        judged: [plan],
      };
    },
  },
  /** What else a session waits for: an answer, more time, or what follows its end. */
  question: {
    async render(context, request, { asking, marked = [] }) {
      const { presentation, deps } = context;
      const { hints, endsAt, part } = presentation.texts.live.ticket;
      const { text, session, options } = request;
      const { series, isMultiple, waits = "input" } = session ?? {};
      const ticket = waits === "ended" ? await findTicket(deps, request.subject.key ?? "") : undefined;
      const name = waits === "ended" ? findEnd(ticket?.reason) : waits;
      const moment = waits === "time" && presentation.format.momentInSentence(Date.parse(text), await deps.store.now());
      const place = series && { number: String(series.answers.length + 1), count: String(series.questions.length) };
      const renderOption = (label: string, description: string) =>
        joinRichText(["• ", toBold(toSafeText(label, 200)), presentation.texts.colon, toSafeText(description, 300)]);
      const lines = [
        renderTicketHeadline(presentation, request, name),
        place && fillTemplate(part, place),
        ...(moment ? [fillTemplate(endsAt, { time: moment })] : toLongLines(stripMarkdown(text), TEXT_LIMIT)),
        ...options.map(({ label, description }) => (description ? renderOption(label, description) : undefined)),
        renderTerminalLink(context, request),
      ];
      const hint = asking ? hints.summary : isMultiple ? hints.choices : hints[waits];
      return { lines, hint, rows: await createSessionRows(context, request, marked) };
    },
    async findVerdict({ deps, presentation }, { subject, verdict }) {
      const ticket = verdict?.answer === "complete" ? await findTicket(deps, subject.key ?? "") : undefined;
      const line = toPlainText(presentation.texts.live.ticket.outcomes.tests);
      return ticket && isChecking(ticket) ? { emoji: "⏳", line, isPending: true } : undefined;
    },
  },
  /** A result, or an update of Plane that is not complete. */
  result: {
    async render(context, request, { asking }) {
      const { presentation, deps } = context;
      const { live } = presentation.texts;
      const { buttons, hints } = live.ticket;
      const ticket = await findTicket(deps, request.subject.key ?? "");
      const problem = findPart(request, "problem");
      const changed = findPart(request, "changed");
      if (!request.answers.includes("approve")) return renderChecks(context, request);
      const head = renderTicketHeadline(presentation, request, problem === undefined ? "result" : "update");
      if (problem !== undefined) {
        const lines = [head, ...renderOutcome(presentation, describeFailure(presentation, ticket, problem))];
        return { lines, hint: hints.update, rows: [[[buttons.retry, "approve"]]] };
      }
      const report = stripMarkdown(request.text);
      const sendBack = asking ? [] : [[live.sendBack, ASK_FOR_WORDS] as const];
      return {
        lines: [
          head,
          ...toLongLines(report, TEXT_LIMIT),
          ...(ticket ? await renderFacts(context, ticket) : []),
          ...(changed === undefined ? [] : [`✏️ ${live.ticket.changedInPlane}`, ...toLongLines(changed, COMMENT_LIMIT)]),
          ...(ticket ? await renderDifference(context, ticket) : []),
        ],
        hint: asking ? live.plan.hint.reason : hints.result,
        rows: [[[buttons.approveUpdate, "approve"], ...sendBack]],
        judged: [report, changed ?? ""],
      };
    },
    async findVerdict({ deps, presentation }, request) {
      const { verdict, answers, subject, id } = request;
      if (verdict?.answer === "reject")
        return renderVerdict(presentation, request, ["✖️", answers.includes("approve") ? "cancelled" : "checksLeft"]);
      if (verdict?.answer !== "approve") return undefined;
      const ticket = await findTicket(deps, subject.key ?? "");
      if (ticket?.state !== "updating" || !id.startsWith(`${ticket.key}.${ticket.run}.`))
        return renderVerdict(presentation, request, ["✅", "written"]);
      const { problem } = ticket.update ?? {};
      if (problem !== undefined) return describeFailure(presentation, ticket, problem);
      return { ...renderVerdict(presentation, request, ["⏳", "writing"]), isPending: true };
    },
  },
};

/** Red checks of a pull request: one press sends them back to the session, with the end of the log. */
function renderChecks({ presentation }: RenderContext, request: RequestRecord) {
  const { live } = presentation.texts;
  const log = findPart(request, "log");
  const lines = [
    renderTicketHeadline(presentation, request, "checks"),
    toSafeText(request.text, TEXT_LIMIT),
    log && toCode(log.slice(-COMMENT_LIMIT).toWellFormed()),
  ];
  const rows = [[[live.sendBack, "send_back"] as const, [live.ticket.buttons.leave, "reject"] as const]];
  return { lines, hint: live.ticket.hints.checks, rows };
}

/** Renders which files a result changes, the first changed lines, and where all of them are. */
async function renderDifference({ deps, presentation }: RenderContext, ticket: Ticket): Promise<TextPart[]> {
  const { texts, format } = presentation;
  const difference = await readDifference(deps, ticket);
  if (!difference) return [];
  const files = parseDiff(difference.text);
  const changed = (files[0]?.hunks[0]?.lines ?? []).filter(({ kind }) => kind !== "same").slice(0, DIFF_LIMITS.lines);
  const toLine = ({ kind, text }: (typeof changed)[number]) =>
    (kind === "added" ? "+" : "-") + cleanLine(text, DIFF_LIMITS.units);
  const names = files.map(({ path, insertions, deletions, isBinary }) => {
    const counts = isBinary ? "" : ` +${format.number(insertions)} −${format.number(deletions)}`;
    return joinRichText(["• ", toCode(cleanLine(path, DIFF_LIMITS.units)), counts]);
  });
  return [
    ...presentation.format.limit(names, DIFF_LIMITS.files),
    changed.length > 0 ? toCode(changed.map(toLine).join("\n")) : undefined,
    findPageLink(presentation, toTicketPath(ticket.key), texts.live.ticket.difference),
  ];
}

/** Renders what a person should look at: a silence has its time, anything else is the text of a screen. */
export async function renderTicketNotice(context: RenderContext, { event }: TicketMessage): Promise<LiveContent> {
  const { deps, presentation } = context;
  const { hints, outcomes, silentSince } = presentation.texts.live.ticket;
  const notNeeded = renderOutcome(presentation, { emoji: "ℹ️", line: toPlainText(outcomes.notNeeded) });
  const ticket = await findTicket(deps, event.ticket);
  if (!ticket) return { lines: [], outcome: notNeeded };
  const name = event.wait.kind === "failed" ? "failed" : "attention";
  const { key, item, shown, attention } = ticket;
  const subject = { key, title: shown.content.title, url: item.url };
  const head = renderTicketHeadline(presentation, { subject, from: "" }, name);
  if (name === "failed") return { lines: [head, ...toSafeLines(event.text, 1_000, SHORT_LINES)], hint: hints.failed };
  const text = attention ?? event.text;
  const since = findSilence(text);
  const time = since === undefined ? "" : presentation.format.momentInSentence(since, await deps.store.now());
  const screen = since === undefined ? toLongLines(text, COMMENT_LIMIT) : [fillTemplate(silentSince, { time })];
  const lines = [head, ...screen, renderTerminalLink(context, { subject })];
  const isOver = attention === undefined || event.run !== ticket.run;
  return isOver ? { lines, outcome: notNeeded } : { lines, hint: hints.attention };
}

/** What of an update is not written yet, and why. */
function describeFailure({ texts }: Presentation, ticket: Ticket | undefined, problem: string): Outcome {
  const { noStatus, noComment } = texts.live.ticket.update;
  const template = ticket?.update?.step === "state" ? noStatus : noComment;
  return { emoji: "⚠️", line: fillTemplate(template, { problem: toSafeText(problem, 400) }), isPending: true };
}

/** How a session has ended that completed nothing. */
function findEnd(reason: string | undefined) {
  return reason === "time_over" || reason === "budget_over" ? reason : "exited";
}

/** Why nobody has to answer any more. */
export async function findTicketClosure(
  { deps, presentation }: RenderContext,
  { closed, subject }: RequestRecord,
): Promise<Outcome> {
  const { live } = presentation.texts;
  const { closed: closedInPlane, completed, notNeeded } = live.ticket.outcomes;
  const ticket = await findTicket(deps, subject.key ?? "");
  const isCancelled = closed?.why !== "task_closed" && ticket?.state === "cancelled";
  if (isCancelled && ticket.closedBy !== undefined)
    return { emoji: "✖️", line: fillTemplate(live.verdicts.cancelled, { by: toSafeText(ticket.closedBy, 80) }) };
  if (isCancelled || closed?.why === "task_closed") return { emoji: "✖️", line: toPlainText(closedInPlane) };
  return ticket?.completion
    ? { emoji: "🏁", line: toPlainText(completed) }
    : { emoji: "ℹ️", line: toPlainText(notNeeded) };
}

function renderTicketHeadline(
  presentation: Presentation,
  { subject, from }: Pick<RequestRecord, "subject" | "from">,
  name: keyof TelegramTexts["live"]["ticket"]["headlines"],
): RichText {
  const { key = "", title, url = "" } = subject;
  const task = renderTaskTitle(presentation, { key, title, url }, { path: toTicketPath(key) });
  const template = presentation.texts.live.ticket.headlines[name];
  const headline = fillTemplate(template, { cli: toSafeText(from, 40) }).text;
  return renderHeadline(presentation, [EVENT_EMOJI.ticket, headline], task);
}

/** Where a ticket comes from: its project, its priority, and what requested it. */
async function renderOrigin({ deps, presentation }: RenderContext, { subject }: RequestRecord): Promise<TextPart[]> {
  const ticket = await findTicket(deps, subject.key ?? "");
  if (!ticket) return [];
  const { fields, priorities, live } = presentation.texts;
  const { item, shown } = ticket;
  const { trigger, by } = shown.cause;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.project)]);
  const cause = { why: live.ticket.triggers[trigger], by: toSafeText(by ?? "", 80) };
  return [
    presentation.format.field(fields.project, toSafeText(project?.value.name ?? item.identifier)),
    presentation.format.field(fields.priority, item.priority === "none" ? undefined : priorities[item.priority]),
    fillTemplate(by === undefined ? live.ticket.requested : live.ticket.requestedBy, cause),
  ];
}

function renderTerminalLink({ presentation }: RenderContext, { subject }: Pick<RequestRecord, "subject">) {
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
    const { budget } = session;
    const values = { minutes: String(await readMinutes(deps, subject.key ?? "")), amount: `${budget} USD` };
    const more = fillTemplate(budget === undefined ? buttons.extend : buttons.grant, values);
    return [[[more.text, "extend"]], [[buttons.stop, "cancel"]]];
  }
  if (session?.waits === "ended") return [[[buttons.resume, "resume"], complete], [[live.cancel, "cancel"]]];
  const choose = session?.isMultiple && marked.length > 0 ? [[[buttons.choose, "choose"] as const]] : [];
  return [...createOptionRows(request, marked), ...choose, [complete]];
}

/** Renders the facts of a result: the branch, the size of the change, time and cost. */
async function renderFacts({ deps, presentation }: RenderContext, ticket: Ticket): Promise<TextPart[]> {
  const { texts, format } = presentation;
  const { completion, approval } = ticket;
  const labels = getTexts(texts.locale).comments.ticket;
  const { branch, diff = {}, commits = [], cost_usd: cost } = (await readSession(deps, ticket)) ?? {};
  const counts = Object.fromEntries(Object.entries<number>(diff).map(([name, n]) => [name, format.number(n)]));
  return [
    branch && fillTemplate(labels.branch, { branch: toSafeText(branch) }),
    "files" in diff ? fillTemplate(labels.diff, counts) : undefined,
    commits.length > 0 ? format.count(texts.live.ticket.commits, commits.length) : undefined,
    completion && approval && fillTemplate(labels.time, { time: format.duration(completion.at - approval.at) }),
    cost === undefined ? undefined : fillTemplate(labels.cost, { cost: format.money(cost) }),
  ];
}

/** Where to allow a permission of which the message does not show all; undefined when it does. */
function findWholePlace({ input, session }: RequestRecord): WholePlace | undefined {
  if (session?.isNotice) return "unknown";
  if (!isWholeInput(input)) return "terminal";
  return shortenInput(input, TOOL_LIMITS) === input ? undefined : "page";
}

/** Renders a tool and its input. Values are code, in which Telegram detects no links and keeps all white space. */
function renderTool(presentation: Presentation, { text: tool, input }: RequestRecord): RichText[] {
  const { texts, format } = presentation;
  const { ticket } = texts.live;
  const fields = shortenInput(input, TOOL_LIMITS) === input ? input : shortenInput(input, SHORTENED_LIMITS);
  const lines = fields.flatMap(({ label, value, leftOut, end = "" }) => {
    const isBlock = leftOut !== undefined || value.includes("\n");
    const name = joinRichText([findLabel(ticket.fields, label), texts.colon.trimEnd(), isBlock ? "\n" : " "]);
    const first = joinRichText([name, toCode(value === "" && leftOut === undefined ? '""' : value)]);
    if (leftOut === undefined) return [first];
    const gap = fillTemplate(ticket.leftOut, { n: format.number(leftOut) });
    return end === "" ? [first, gap] : [first, gap, toCode(end)];
  });
  return [toSafeText(tool), ...lines];
}

function findLabel(labels: Readonly<Record<string, string>>, name: string): RichText {
  const key = `field.${name}`;
  return Object.hasOwn(labels, key) ? toPlainText(labels[key] ?? "") : toSafeText(name);
}
