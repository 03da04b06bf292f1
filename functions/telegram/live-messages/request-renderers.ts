/**
 * How each kind of request looks in Telegram, and what people read about the answer to it: questions, reviews,
 * decisions and proposed plans; those of tickets are in ticket-renderers.ts.
 */

import type { PlannedTask } from "../../../shared/config/sections-schema.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { findPart, isRequestOpen, type RequestKindName, type RequestRecord } from "../../../shared/task/request.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { findPlanRun, type PlanCost, type PlanRun, toPlanRequestId } from "../../../shared/tasks/plan-record.ts";
import { findWish, getWishText } from "../../../shared/tasks/wishes.ts";
import {
  joinRichText,
  type RichText,
  type TextPart,
  toBold,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { MINUTE } from "../../../shared/time.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  findPageLink,
  type Presentation,
  renderTaskTitle,
  toRequestPath,
} from "../presentation/presentation.ts";
import {
  ANSWERED,
  ASK_FOR_WORDS,
  createOptionRows,
  LABEL_LIMIT,
  OPTION_LIMIT,
  type Outcome,
  type RenderContext,
  type RequestRenderer,
  renderHeadline,
  renderVerdict,
  SHORT_LINES,
  toLongLines,
  toSafeLines,
  VERDICTS,
} from "./live-message.ts";
import { findTicketClosure, TICKET_RENDERERS } from "./ticket-renderers.ts";

/** Limit of a shown question and the report of a review, in UTF-16 units. */
const TEXT_LIMIT = 2_000;

/** Limits of what a message shows of a plan: warnings, and UTF-16 units of texts. */
const PLAN_LIMITS = { warnings: 5, warning: 200, title: 120, name: 60 };

const QUESTION_RENDERER: RequestRenderer = {
  async render({ presentation }, request, { reminder }) {
    const { live, events } = presentation.texts;
    const { options, urgency, text } = request;
    const title = reminder > 0 ? live.askedAgain : events.asked.title;
    const urgent = urgency === "high" ? [` – ${live.urgent}`] : [];
    const subject = renderSubject(presentation, request);
    const headline = renderHeadline(presentation, [EVENT_EMOJI.asked, title], subject, request.from);
    return {
      lines: [joinRichText([headline, ...urgent]), ...toAskedLines(text), ...renderChoices(request)],
      hint: options.length > 0 ? live.hint.press : live.hint.reply,
      rows: createOptionRows(request),
    };
  },
  async findClosure({ presentation }, { closed }) {
    const { expired, notNeeded } = presentation.texts.live;
    return { emoji: "ℹ️", line: toPlainText(closed?.why === "expired" ? expired : notNeeded) };
  },
};

const toAskedLines = (text: string) => toSafeLines(stripMarkdown(text), TEXT_LIMIT, SHORT_LINES);

/** What a question asks, as its message shows it. */
export function renderAskedText(text: string): string {
  return joinRichText(toAskedLines(text), "\n").text;
}

/** Names of parts of a review in the reader's language; other parts keep theirs. */
const PART_NAMES: Record<string, (texts: TelegramTexts) => string> = {
  Title: ({ live }) => live.title,
  Description: ({ live }) => live.text,
  Status: ({ fields }) => fields.status,
  Priority: ({ fields }) => fields.priority,
  Due: ({ fields }) => fields.due,
  Assignees: ({ fields }) => fields.assignees,
};

const REVIEW_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { presentation } = context;
    const { texts, format } = presentation;
    const { live } = texts;
    const report = stripMarkdown(request.text);
    const percent = format.percent(Number(findPart(request, "Confidence") ?? 0));
    const title = [EVENT_EMOJI.review, texts.events.review.title] as const;
    const approve = [live.approve, "approve"] as const;
    return {
      lines: [
        renderHeadline(presentation, title, renderSubject(presentation, request)),
        fillTemplate(live.confidence, { agent: toSafeText(request.from, 80), percent }),
        ...toLongLines(report, TEXT_LIMIT),
      ],
      judged: [report],
      progress: renderChangedParts(request, texts),
      hint: live.hint[asking ? "reason" : "review"],
      rows: asking ? [[[live.withoutReason, "send_back"]], [approve]] : [[approve, [live.sendBack, ASK_FOR_WORDS]]],
    };
  },
  async findClosure({ deps, presentation }, { subject }) {
    const { live, statuses } = presentation.texts;
    const [item] = await deps.store.read<ItemRecord>([observedKeys.item(subject.item ?? "")]);
    const word = statuses[item?.value.snapshot.status ?? "done"];
    return { emoji: "ℹ️", line: fillTemplate(live.reviewClosed, { word }) };
  },
};

/** About an agent or the budget: the text is Groundcrew's, and every answer has a button. */
const DECISION_RENDERER: RequestRenderer = {
  async render({ presentation }, request) {
    const { live, events } = presentation.texts;
    const title = [EVENT_EMOJI.asked, events.asked.title] as const;
    return {
      lines: [renderHeadline(presentation, title, undefined, request.from), ...toSafeLines(request.text)],
      rows: [request.answers.map((answer) => [nameDecision(live, answer), answer] as const)],
    };
  },
  findClosure: async ({ presentation }) => ({ emoji: "ℹ️", line: toPlainText(presentation.texts.live.toast.over) }),
  findVerdict: async ({ presentation }, request) => ({
    ...renderVerdict(presentation, request, ANSWERED),
    words: nameDecision(presentation.texts.live, request.verdict?.answer ?? ""),
  }),
};

function nameDecision({ decisions }: TelegramTexts["live"], answer: string): string {
  return decisions[answer as keyof typeof decisions] ?? answer;
}

/** A proposed plan: its tasks, its totals and its warnings. */
const PLAN_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { presentation } = context;
    const { texts } = presentation;
    const { plan, approve, cancel } = texts.live;
    const found = await findPlanRun(context.deps, request.subject.plan ?? "");
    // Another proposal may have replaced it.
    const run = found && toPlanRequestId(found) === request.id ? found : undefined;
    const title = [EVENT_EMOJI.plan_proposed, texts.events.plan_proposed.title] as const;
    const subject = toSafeText(request.subject.title, PLAN_LIMITS.title);
    const link = findPageLink(presentation, toRequestPath(request.id), subject) ?? subject;
    const headline = renderHeadline(presentation, title, link, request.from);
    const head = [headline, run && (await renderWishOf(context, run))];
    const change = asking ? [] : [[plan.change, ASK_FOR_WORDS] as const];
    const sums = run ? [...renderTotals(run, presentation), ...renderWarnings(run, presentation)] : [];
    return {
      lines: [...head, ...(run ? renderPlanLines(presentation, run) : []), ...(isRequestOpen(request) ? [] : sums)],
      progress: sums,
      hint: plan.hint[asking ? "reason" : "decide"],
      rows: [[[approve, "approve"], ...change], [[cancel, "reject"]]],
      judged: run ? listJudgedTexts(run) : [],
    };
  },
  async findClosure({ presentation }, { closed }) {
    const { plan } = presentation.texts.live;
    return closed?.why === "replaced"
      ? { emoji: "✏️", line: toPlainText(plan.replaced) }
      : { emoji: "ℹ️", line: toPlainText(plan.closed) };
  },
  async findVerdict({ presentation }, request) {
    const { answer } = request.verdict ?? {};
    if (answer === "reject") return renderVerdict(presentation, request, VERDICTS.cancel);
    return answer === "send_back" ? renderVerdict(presentation, request, ["✏️", "sentBack"]) : undefined;
  },
};

/** The renderers of what tickets do not ask. */
const RENDERERS: Partial<Record<RequestKindName, RequestRenderer>> = {
  ...{ question: QUESTION_RENDERER, review: REVIEW_RENDERER, plan: PLAN_RENDERER },
  ...{ budget: DECISION_RENDERER, agent: DECISION_RENDERER },
};

/** Returns the renderer of a request's kind. */
export function getRenderer({ kind, session }: RequestRecord): RequestRenderer {
  return (session ? undefined : RENDERERS[kind]) ?? TICKET_RENDERERS[kind] ?? QUESTION_RENDERER;
}

/** What came of a request, also as the notice after a press or a reply. */
export async function findOutcome(context: RenderContext, request: RequestRecord): Promise<Outcome> {
  const { verdict } = request;
  const renderer = getRenderer(request);
  if (!verdict) return (renderer.findClosure ?? findTicketClosure)(context, request);
  const own = await renderer.findVerdict?.(context, request);
  return own ?? renderVerdict(context.presentation, request, VERDICTS[verdict.answer as keyof typeof VERDICTS]);
}

/** The task that a request is about, as a link; undefined without one. */
function renderSubject(presentation: Presentation, { subject }: RequestRecord): RichText | undefined {
  const { key, title, url } = subject;
  return key === undefined || url === undefined ? undefined : renderTaskTitle(presentation, { key, title, url });
}

/** Lists the choices of an open question when their buttons cannot show them in full. */
function renderChoices({ options, verdict, closed }: RequestRecord): RichText[] {
  const areShort = options.every(({ label }) => cleanLine(label, 1_000).length <= LABEL_LIMIT);
  if (verdict || closed || (options.length <= OPTION_LIMIT && areShort)) return [];
  return options.map(({ label }, i) => joinRichText([`${i + 1}. `, toSafeText(label, 200)]));
}

/** Names what has changed since people were first asked. */
function renderChangedParts({ changed = [] }: RequestRecord, texts: TelegramTexts): TextPart[] {
  if (changed.length === 0) return [];
  const fields = changed.map((label) => (PART_NAMES[label]?.(texts) ?? label).toLowerCase()).join(", ");
  return [joinRichText(["✏️ ", fillTemplate(texts.live.changed, { fields })])];
}

/** The texts of a plan without which nobody approves it: what it is for, and what each task is. */
function listJudgedTexts({ plan: { description = "", tasks, cycles = [] } }: PlanRun): string[] {
  const texts = tasks.flatMap((task) => [task.title, task.description ?? "", task.assignee ?? "", task.module ?? ""]);
  return [description, ...texts, ...cycles.map(({ name }) => name)];
}

async function renderWishOf({ deps, presentation }: RenderContext, { wish: id }: PlanRun) {
  const wish = id === undefined ? undefined : await findWish(deps, id);
  if (!wish) return undefined;
  const by = fillTemplate(presentation.texts.live.plan.wishOf, { by: toSafeText(wish.by, 80) });
  return joinRichText(["💭 ", by, presentation.texts.colon, toSafeText(getWishText(wish), 300)]);
}

/** A plan's description, tasks with their descriptions, and cycles. */
function renderPlanLines(presentation: Presentation, { plan }: PlanRun): RichText[] {
  const { tasks, description = "", cycles = [] } = plan;
  const numbers = new Map(tasks.map(({ id }, i) => [id, i + 1]));
  const lines = tasks.flatMap((task) => [
    renderTaskLine(task, numbers, presentation),
    ...toSafeLines(task.description ?? ""),
  ]);
  const notes = cycles.map(({ name, start_date = "", end_date = "" }) =>
    joinRichText(["🏃 ", toSafeText(name), start_date === "" ? "" : `: ${start_date} – ${end_date}`]),
  );
  return [...toSafeLines(description), ...lines, ...notes];
}

/** The plan's total time and cost as far as they are known, and what of the month's budget is spent. */
function renderTotals(run: PlanRun, { texts, format }: Presentation): RichText[] {
  const { plan: planTexts } = texts.live;
  const { tasks } = run.plan;
  const { estimated = 0, unknown = 0, spent = 0, open = 0, budget }: Partial<PlanCost> = run.checked?.cost ?? {};
  const { money } = format;
  const minutes = tasks.reduce((sum, { estimate }) => sum + (estimate?.minutes ?? 0), 0);
  const totals = [
    format.count(planTexts.tasks, tasks.length),
    minutes > 0 ? format.duration(minutes * MINUTE) : undefined,
    estimated > 0 ? money(estimated) : undefined,
    unknown > 0 ? format.count(planTexts.withoutEstimate, unknown) : undefined,
  ];
  const total = joinRichText(["Σ ", toBold(planTexts.total), texts.colon, joinRichText(totals, ", ")]);
  if (budget === undefined) return [total];
  return [total, fillTemplate(planTexts.budget, { spent: money(spent), open: money(open), budget: money(budget) })];
}

function renderWarnings({ checked }: PlanRun, { format }: Presentation): TextPart[] {
  const warnings = (checked?.warnings ?? []).map((text) => joinRichText(["⚠️ ", toSafeText(text, PLAN_LIMITS.warning)]));
  return format.limit(warnings, PLAN_LIMITS.warnings);
}

/** `2. Build the toggle → Thot, after 1, 40 min, €1.20` */
function renderTaskLine(
  { id, title, assignee, blocked_by: blockers = [], estimate }: PlannedTask,
  numbers: ReadonlyMap<string, number>,
  { texts, format }: Presentation,
): RichText {
  const keys = toSafeText(blockers.map((name) => numbers.get(name) ?? name).join(", "), PLAN_LIMITS.name);
  const { minutes, cost } = estimate ?? {};
  const notes = joinRichText(
    [
      blockers.length > 0 ? fillTemplate(texts.live.plan.after, { keys }) : undefined,
      minutes === undefined ? undefined : format.duration(minutes * MINUTE),
      cost === undefined ? undefined : format.money(cost),
    ],
    ", ",
  );
  const arrow = assignee === undefined ? [] : [" → ", toSafeText(assignee, PLAN_LIMITS.name)];
  const rest = notes.text === "" ? [] : [" (", notes, ")"];
  return joinRichText([`${numbers.get(id)}. `, toSafeText(title, PLAN_LIMITS.title), ...arrow, ...rest]);
}
