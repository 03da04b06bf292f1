/** A proposed plan as it looks in Telegram: its tasks, its totals and its warnings. */

import type { PlannedTask } from "../../../shared/config/sections-schema.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import { findPlanRun, type PlanRun, toPlanRequestId } from "../../../shared/tasks/plan-record.ts";
import { findWish, getWishText } from "../../../shared/tasks/wishes.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { MINUTE } from "../../../shared/time.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  findPageLink,
  type Presentation,
  STATUS_EMOJI,
  toRequestPath,
} from "../presentation/presentation.ts";
import {
  ASK_FOR_WORDS,
  type RenderContext,
  type RequestRenderer,
  renderHeadline,
  toSafeLines,
} from "./live-message.ts";

/** Maximum number of warnings in a message, and their length in UTF-16 units. */
const WARNING_LIMIT = 5;

const WARNING_LENGTH = 200;

const TITLE_LENGTH = 120;

const NAME_LENGTH = 60;

/** Blockers of a task that its line names. */
const BLOCKER_LIMIT = 5;

export const PLAN_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { presentation } = context;
    const { texts } = presentation;
    const { plan, approve, cancel } = texts.live;
    const run = await findShownRun(context, request);
    const title = [EVENT_EMOJI.plan_proposed, texts.events.plan_proposed.title] as const;
    const subject = toSafeText(request.subject.title, TITLE_LENGTH);
    const link = findPageLink(presentation, toRequestPath(request.id), subject) ?? subject;
    const headline = renderHeadline(presentation, title, link, request.from);
    const head = [headline, ...(run ? await renderWishLines(context, run) : [])];
    const change = asking ? [] : [[plan.change, ASK_FOR_WORDS] as const];
    return {
      lines: run ? (limit: number) => renderPlanLines(presentation, run, head, limit) : head,
      hint: plan.hint[asking ? "reason" : "decide"],
      rows: [[[approve, "approve"], ...change], [[cancel, "reject"]]],
      judged: run ? listJudgedTexts(run) : [],
    };
  },
  async findClosure({ presentation }, { closed }) {
    const { plan } = presentation.texts.live;
    return closed?.why === "replaced" ? ["✏️", toPlainText(plan.replaced)] : ["ℹ️", toPlainText(plan.closed)];
  },
  async findVerdict(_, { verdict }) {
    if (verdict?.answer === "reject") return [STATUS_EMOJI.cancelled, "cancelled"];
    return verdict?.answer === "send_back" ? ["✏️", "sentBack"] : undefined;
  },
  getChangedText: ({ live }) => live.plan.replaced,
  getWordsText: ({ live }) => live.plan.reasonToast,
};

/** The texts of a plan without which nobody approves it: what it is for, and what each task is. */
function listJudgedTexts({ plan: { description = "", tasks, cycles = [] } }: PlanRun): string[] {
  const texts = tasks.flatMap((task) => [task.title, task.description ?? "", task.assignee ?? "", task.module ?? ""]);
  return [description, ...texts, ...cycles.map(({ name }) => name)];
}

/** Finds the run that a request proposed; undefined when another proposal has replaced it. */
async function findShownRun({ deps }: RenderContext, { id, subject }: RequestRecord): Promise<PlanRun | undefined> {
  const run = await findPlanRun(deps, subject.plan ?? "");
  return run && toPlanRequestId(run) === id ? run : undefined;
}

async function renderWishLines({ deps, presentation }: RenderContext, { wish: id }: PlanRun): Promise<RichText[]> {
  const wish = id === undefined ? undefined : await findWish(deps, id);
  if (!wish) return [];
  const by = fillTemplate(presentation.texts.live.plan.wishOf, { by: toSafeText(wish.by, 80) });
  return [joinRichText(["💭 ", by, presentation.texts.colon, toSafeText(getWishText(wish), 300)])];
}

/**
 * A plan's lines with all its texts where they fit between the headline and what must be seen below them; else as many
 * of its tasks as fit.
 */
function renderPlanLines(
  presentation: Presentation,
  run: PlanRun,
  head: readonly RichText[],
  limit: number,
): RichText[] {
  const { texts, format } = presentation;
  const { tasks, description = "", cycles = [] } = run.plan;
  const numbers = new Map(tasks.map(({ id }, i) => [id, i + 1]));
  const below = [...renderTotals(run, presentation), ...renderWarnings(run, presentation)];
  const countUnits = (lines: readonly RichText[]) => lines.reduce((sum, { text }) => sum + text.length + 1, 0);
  const notes = cycles.map(({ name, start_date = "", end_date = "" }) =>
    joinRichText(["🏃 ", toSafeText(name), start_date === "" ? "" : `: ${start_date} – ${end_date}`]),
  );
  const lines = tasks.map((task) => renderTaskLine(task, numbers, presentation));
  const whole = lines.flatMap((line, i) => [line, ...toSafeLines(tasks[i]?.description ?? "")]);
  const all = [...head, ...toSafeLines(description), ...whole, ...notes, ...below];
  if (countUnits(all) <= limit) return all;
  const renderRest = (n: number) => toPlainText(format.count(texts.more, n));
  let left = limit - countUnits([...head, ...below, renderRest(tasks.length)]);
  const count = lines.findIndex((line) => {
    left -= countUnits([line]);
    return left < 0;
  });
  return count < 0
    ? [...head, ...lines, ...below]
    : [...head, ...lines.slice(0, count), renderRest(tasks.length - count), ...below];
}

/** The plan's total time and cost as far as they are known, and what of the month's budget is spent. */
function renderTotals(run: PlanRun, { texts, format }: Presentation): RichText[] {
  const { plan: planTexts } = texts.live;
  const { tasks } = run.plan;
  const {
    estimated = 0,
    unknown = 0,
    spent = 0,
    open = 0,
    budget,
  }: Partial<NonNullable<PlanRun["checked"]>["cost"]> = run.checked?.cost ?? {};
  const { money } = format;
  const minutes = tasks.reduce((sum, { estimate }) => sum + (estimate?.minutes ?? 0), 0);
  const totals = keepDefined([
    format.count(planTexts.tasks, tasks.length),
    minutes > 0 ? format.duration(minutes * MINUTE) : undefined,
    estimated > 0 ? money(estimated) : undefined,
    unknown > 0 ? format.count(planTexts.withoutEstimate, unknown) : undefined,
  ]);
  const total = joinRichText(["Σ ", toBold(planTexts.total), texts.colon, totals.join(", ")]);
  if (budget === undefined) return [total];
  return [total, fillTemplate(planTexts.budget, { spent: money(spent), open: money(open), budget: money(budget) })];
}

function renderWarnings({ checked }: PlanRun, { texts, format }: Presentation): RichText[] {
  const warnings = checked?.warnings ?? [];
  const rest = warnings.length - WARNING_LIMIT;
  return [
    ...warnings.slice(0, WARNING_LIMIT).map((text) => joinRichText(["⚠️ ", toSafeText(text, WARNING_LENGTH)])),
    ...(rest > 0 ? [toPlainText(format.count(texts.more, rest))] : []),
  ];
}

/** `2. Build the toggle → Thot, after 1, 40 min, €1.20` */
function renderTaskLine(
  { id, title, assignee, blocked_by: blockers = [], estimate }: PlannedTask,
  numbers: ReadonlyMap<string, number>,
  { texts, format }: Presentation,
): RichText {
  const names = blockers.slice(0, BLOCKER_LIMIT).map((name) => String(numbers.get(name) ?? name));
  const keys = toSafeText(names.join(", ") + (blockers.length > BLOCKER_LIMIT ? ", …" : ""), NAME_LENGTH * 2);
  const { minutes, cost } = estimate ?? {};
  const notes = keepDefined([
    blockers.length > 0 ? fillTemplate(texts.live.plan.after, { keys }) : undefined,
    minutes === undefined ? undefined : format.duration(minutes * MINUTE),
    cost === undefined ? undefined : format.money(cost),
  ]);
  const arrow = assignee === undefined ? [] : [" → ", toSafeText(assignee, NAME_LENGTH)];
  const rest = notes.length === 0 ? [] : [" (", joinRichText(notes, ", "), ")"];
  return joinRichText([`${numbers.get(id)}. `, toSafeText(title, TITLE_LENGTH), ...arrow, ...rest]);
}
