/** A proposed plan: its message, and the decision by button or reply. */

import { roundAmount } from "../../../shared/accounting/spending.ts";
import { localizeMoney } from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { findPlanRun, type PlannedTask, type PlanRun } from "../../../shared/tasks/plan-record.ts";
import {
  approvePlan,
  findPlanVerdict,
  type PlanVerdict,
  rejectPlan,
} from "../../../shared/tasks/planning/decide-plan.ts";
import { findWish, getWishText } from "../../../shared/tasks/wishes.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { CommandContext } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, type Presentation, STATUS_EMOJI } from "../presentation/presentation.ts";
import {
  isApproval,
  type LiveContent,
  type LiveKind,
  type LivePlanMessage,
  type LivePress,
  type LiveResult,
  NEW_MESSAGE,
  type PlanProposedEvent,
  renderHeadline,
  renderVerdict,
  UNCONFIRMED_MESSAGE,
} from "./live-message.ts";

/** Maximum number of warnings in a message, and their length in UTF-16 units. */
const WARNING_LIMIT = 5;

const WARNING_LENGTH = 200;

const TITLE_LENGTH = 120;

const NAME_LENGTH = 60;

/** Blockers of a task that its line names. */
const BLOCKER_LIMIT = 5;

/**
 * A press of `ok` approves, `back` asks for a reason, `no` cancels. The button names the proposal that its message
 * showed; when the Concierge has proposed another one since, nothing is decided.
 */
export const planKind: LiveKind<LivePlanMessage> = {
  verb: "plan",
  async createMessage(_, event) {
    return { ...NEW_MESSAGE, event, subject: { id: event.plan } };
  },
  render: renderProposal,
  press: handlePress,
  reply: replyToProposal,
};

/** Renders a proposed plan in its current state: waiting for a person, decided, replaced, or no longer waiting. */
async function renderProposal(context: DeliveryContext, { event, asking }: LivePlanMessage): Promise<LiveContent> {
  const { deps, presentation } = context;
  const { texts } = presentation;
  const { plan: planTexts, approve, cancel } = texts.live;
  const [run, verdict] = await Promise.all([
    findPlanRun(deps, event.plan),
    findPlanVerdict(deps, event.plan, event.hash),
  ]);
  const shownRun = run?.hash === event.hash ? run : undefined;
  const title = toSafeText(event.title, TITLE_LENGTH);
  const headline = renderHeadline(
    presentation,
    [EVENT_EMOJI.plan_proposed, texts.events.plan_proposed.title],
    title,
    event.agent,
  );
  const head = [headline, ...(shownRun ? await renderWishLines(context, shownRun) : [])];
  const lines = shownRun ? (limit: number) => renderPlanLines(presentation, shownRun, head, limit) : head;
  if (verdict) {
    const { kind, by, reason } = verdict;
    const emoji = { approved: STATUS_EMOJI.done, sent_back: "✏️", cancelled: STATUS_EMOJI.cancelled }[kind];
    const line = fillTemplate(planTexts.verdicts[kind], { by: toSafeText(by, 80) });
    return { lines, outcome: renderVerdict(presentation, emoji, line, reason) };
  }
  if (!shownRun) return { lines, outcome: [toPlainText(`✏️ ${planTexts.replaced}`)] };
  if (shownRun.state !== "awaiting_approval") return { lines, outcome: [toPlainText(planTexts.closed)] };
  return {
    lines,
    hint: planTexts.hint[asking ? "reason" : "decide"],
    buttons: {
      id: event.plan,
      hash: event.hash,
      rows: [[[approve, "ok"], ...(asking ? [] : [[planTexts.change, "back"] as const])], [[cancel, "no"]]],
    },
  };
}

async function renderWishLines({ deps, presentation }: DeliveryContext, { wish: id }: PlanRun): Promise<RichText[]> {
  const wish = id === undefined ? undefined : await findWish(deps, id);
  if (!wish) return [];
  const by = fillTemplate(presentation.texts.live.plan.wishOf, { by: toSafeText(wish.by, 80) });
  return [joinRichText(["💭 ", by, presentation.texts.colon, toSafeText(getWishText(wish), 300)])];
}

/** A plan's lines: as many tasks as fit between the headline and what must be seen below them. */
function renderPlanLines(
  presentation: Presentation,
  run: PlanRun,
  head: readonly RichText[],
  limit: number,
): RichText[] {
  const { texts, format } = presentation;
  const { tasks } = run.plan;
  const numbers = new Map(tasks.map(({ id }, i) => [id, i + 1]));
  const below = [...renderTotals(run, presentation), ...renderWarnings(run, presentation)];
  const renderRest = (n: number) => toPlainText(format.count(texts.more, n));
  const countUnits = (lines: readonly RichText[]) => lines.reduce((sum, { text }) => sum + text.length + 1, 0);
  let left = limit - countUnits([...head, ...below, renderRest(tasks.length)]);
  const lines: RichText[] = [];
  for (const task of tasks) {
    const line = renderTaskLine(task, numbers, run, presentation);
    left -= countUnits([line]);
    if (left < 0) break;
    lines.push(line);
  }
  const omitted = tasks.length - lines.length;
  return [...head, ...lines, ...(omitted > 0 ? [renderRest(omitted)] : []), ...below];
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
  const money = (amount: number) => formatCost(run, amount, texts);
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

/** Formats a cost in the currency of the budget with which the plan was checked. */
function formatCost({ checked }: PlanRun, amount: number, { locale }: TelegramTexts): string {
  return localizeMoney(locale, roundAmount(amount), checked?.cost.currency);
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
  run: PlanRun,
  { texts, format }: Presentation,
): RichText {
  const names = blockers.slice(0, BLOCKER_LIMIT).map((name) => String(numbers.get(name) ?? name));
  const keys = toSafeText(names.join(", ") + (blockers.length > BLOCKER_LIMIT ? ", …" : ""), NAME_LENGTH * 2);
  const { minutes, cost } = estimate ?? {};
  const notes = keepDefined([
    blockers.length > 0 ? fillTemplate(texts.live.plan.after, { keys }) : undefined,
    minutes === undefined ? undefined : format.duration(minutes * MINUTE),
    cost === undefined ? undefined : formatCost(run, cost, texts),
  ]);
  const arrow = assignee === undefined ? [] : [" → ", toSafeText(assignee, NAME_LENGTH)];
  const rest = notes.length === 0 ? [] : [" (", joinRichText(notes, ", "), ")"];
  return joinRichText([`${numbers.get(id)}. `, toSafeText(title, TITLE_LENGTH), ...arrow, ...rest]);
}

async function handlePress(
  context: CommandContext,
  { id: plan, action, hash, message }: LivePress<LivePlanMessage>,
): Promise<LiveResult> {
  const { deps, presentation } = context;
  const decision = action === "ok" ? "approved" : "cancelled";
  if (action !== "back") {
    const outcome = await decidePlan(context, { plan, hash }, decision);
    const shown = message ?? (await findUnconfirmedMessage(context, plan, hash));
    return { ...outcome, ...(shown ? { message: shown } : {}) };
  }
  const run = await findPlanRun(deps, plan);
  if (run?.hash !== hash || run.state !== "awaiting_approval") {
    const verdict = await findPlanVerdict(deps, plan, hash);
    return { toast: renderToast(context, run?.hash === hash ? "already" : "changed", verdict) };
  }
  const shown = message ?? (await findUnconfirmedMessage(context, plan, hash));
  if (!shown) return { toast: presentation.texts.answers.expiredButton };
  return { message: { ...shown, asking: true }, toast: presentation.texts.live.plan.reasonToast };
}

function renderToast(
  { presentation }: CommandContext,
  outcome: Awaited<ReturnType<typeof approvePlan | typeof rejectPlan>>,
  verdict: PlanVerdict | undefined,
): string {
  const { plan: texts, toast } = presentation.texts.live;
  if (!verdict) return outcome === "changed" ? texts.replaced : toast.over;
  return fillTemplate(texts.verdicts[verdict.kind], { by: toSafeText(verdict.by, 60) }).text;
}

/** Finds what a message shows whose send got no answer, so that it is kept up to date like the others. */
async function findUnconfirmedMessage(
  { deps }: CommandContext,
  plan: string,
  hash: string,
): Promise<LivePlanMessage | undefined> {
  const run = await findPlanRun(deps, plan);
  if (!run) return undefined;
  const { project: title, tasks } = run.plan;
  const event = { kind: "plan_proposed", plan, agent: run.agent, title, hash, tasks: tasks.length } as const;
  return { ...UNCONFIRMED_MESSAGE, subject: { id: plan }, event };
}

/**
 * Handles a reply to a proposal: a word of approval approves it, anything else is what the Concierge should change.
 * Undefined for other words about a proposal that is decided: they are for the Concierge like any other text.
 */
async function replyToProposal(
  context: CommandContext,
  { event, asking }: LivePlanMessage,
  text: string,
): Promise<LiveResult | undefined> {
  const kind = !asking && isApproval(text) ? "approved" : "sent_back";
  const decided = await findPlanVerdict(context.deps, event.plan, event.hash);
  if (decided && kind === "sent_back" && (decided.kind !== kind || decided.by !== context.from.name)) return undefined;
  const { toast } = await decidePlan(context, event, kind, text);
  const verdict = await findPlanVerdict(context.deps, event.plan, event.hash);
  // An accepted decision needs no reply: the message itself shows it.
  const isShown = verdict?.by === context.from.name && verdict.kind === kind;
  return isShown ? {} : { reply: { rich: toPlainText(toast) } };
}

/** Decides about a proposal. A decision that was made before is reported, also after a crash in between. */
export async function decidePlan(
  context: CommandContext,
  { plan, hash }: Pick<PlanProposedEvent, "plan" | "hash">,
  kind: PlanVerdict["kind"],
  reason?: string,
): Promise<{ toast: string }> {
  const { deps, from, correlation } = context;
  const decision = { hash, by: from.name };
  const outcome =
    kind === "approved"
      ? await approvePlan(deps, plan, decision, correlation)
      : await rejectPlan(deps, plan, { ...decision, reason, isCancelled: kind === "cancelled" }, correlation);
  return { toast: renderToast(context, outcome, await findPlanVerdict(deps, plan, hash)) };
}
