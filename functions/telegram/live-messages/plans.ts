/** A proposed plan: its message, and the decision by button or reply. */

import { roundAmount } from "../../../shared/accounting/spending.ts";
import { localizeCount, localizeDuration, localizeMoney } from "../../../shared/i18n/localize.ts";
import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { findPlanRun, type Plan, type PlannedTask, type PlanRun } from "../../../shared/tasks/plan-record.ts";
import {
  approvePlan,
  findPlanVerdict,
  type PlanVerdict,
  rejectPlan,
} from "../../../shared/tasks/planning/decide-plan.ts";
import { findWish } from "../../../shared/tasks/wishes.ts";
import type { InlineButton } from "../../../shared/telegram/bot.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, type Presentation, STATUS_EMOJI } from "../presentation/presentation.ts";
import {
  acceptsInputInChat,
  createLiveMessagePut,
  isApproval,
  isPlanMessage,
  joinViewLines,
  type LiveMessage,
  type LivePlanMessage,
  liveMessageKey,
  type MessageView,
  type PlanProposedEvent,
  toSafeLines,
  VIEW_TEXT_LIMIT,
} from "./live-message.ts";

/** The proposal that a message shows: the run of its plan, and the hash to which a decision is bound. */
interface Proposal {
  plan: string;
  hash: string;
}

/** Maximum number of warnings in a message, and their length in UTF-16 units. */
const WARNING_LIMIT = 5;

const WARNING_LENGTH = 200;

const TITLE_LENGTH = 120;

const NAME_LENGTH = 60;

/** Blockers of a task that its line names. */
const BLOCKER_LIMIT = 5;

/** Renders a proposed plan in its current state: waiting for a person, decided, replaced, or no longer waiting. */
export async function renderPlanProposal(
  context: DeliveryContext,
  { event, asking }: LivePlanMessage,
): Promise<MessageView> {
  const { deps, presentation } = context;
  const { plan: texts } = presentation.texts.live;
  const [run, verdict] = await Promise.all([
    findPlanRun(deps, event.plan),
    findPlanVerdict(deps, event.plan, event.hash),
  ]);
  const shownRun = run?.hash === event.hash ? run : undefined;
  const head = [renderHeadline(event, presentation), ...(shownRun ? await renderWishLines(context, shownRun) : [])];
  const close = (...lines: RichText[]): MessageView => ({
    rich: shownRun ? renderPlanView(presentation, shownRun, head, lines) : joinViewLines([...head, ...lines]),
    isClosed: true,
  });
  if (verdict) return close(...renderVerdictLines(verdict, presentation));
  if (!shownRun) return close(toPlainText(`✏️ ${texts.replaced}`));
  if (shownRun.state !== "awaiting_approval") return close(toPlainText(texts.closed));
  if (!acceptsInputInChat(context)) return { rich: renderPlanView(presentation, shownRun, head, []), isClosed: false };
  const hint = toPlainText(texts.hint[asking ? "reason" : "decide"]);
  return {
    rich: renderPlanView(presentation, shownRun, head, [hint]),
    buttons: createPlanButtons(event, asking === true, presentation),
    isClosed: false,
  };
}

/** The Concierge's name is in the headline, where no text of an agent can appear. */
function renderHeadline(event: PlanProposedEvent, { texts }: Presentation): RichText {
  return joinRichText([
    `${EVENT_EMOJI.plan_proposed} `,
    toBold(texts.events.plan_proposed.title),
    ` ${texts.fromAgent} `,
    toSafeText(event.agent, 80),
    texts.colon,
    toSafeText(event.title, TITLE_LENGTH),
  ]);
}

async function renderWishLines({ deps, presentation }: DeliveryContext, { wish: id }: PlanRun): Promise<RichText[]> {
  const wish = id === undefined ? undefined : await findWish(deps, id);
  if (!wish) return [];
  const by = fillTemplate(presentation.texts.live.plan.wishOf, { by: toSafeText(wish.by, 80) });
  return [joinRichText(["💭 ", by, presentation.texts.colon, toSafeText(wish.text, 300)])];
}

/** Joins a plan's lines: as many tasks as fit between the headline and what must be seen below them. */
function renderPlanView(
  presentation: Presentation,
  run: PlanRun,
  head: readonly RichText[],
  tail: readonly RichText[],
): RichText {
  const { texts } = presentation;
  const { tasks } = run.plan;
  const numbers = new Map(tasks.map(({ id }, i) => [id, i + 1]));
  const fixed = [...head, ...renderTotals(run, presentation), ...renderWarnings(run, presentation), ...tail];
  const renderRest = (n: number) => toPlainText(localizeCount(texts, texts.more, n));
  const fixedLength = fixed.reduce((sum, { text }) => sum + text.length + 1, 0);
  let left = VIEW_TEXT_LIMIT - fixedLength - renderRest(tasks.length).text.length - 1;
  const lines: RichText[] = [];
  for (const task of tasks) {
    const line = renderTaskLine(task, numbers, run, presentation);
    left -= line.text.length + 1;
    if (left < 0) break;
    lines.push(line);
  }
  const omitted = tasks.length - lines.length;
  return joinViewLines([...head, ...lines, ...(omitted > 0 ? [renderRest(omitted)] : []), ...fixed.slice(head.length)]);
}

/** The plan's total time and cost as far as they are known, and what of the month's budget is spent. */
function renderTotals({ plan, checked }: PlanRun, { texts }: Presentation): RichText[] {
  const { locale, live, colon } = texts;
  const { plan: planTexts } = live;
  const { cost } = checked ?? {};
  const money = (amount: number) => localizeMoney(locale, roundAmount(amount), cost?.currency);
  const minutes = sumMinutes(plan);
  const amount = cost?.estimated ?? 0;
  const totals = keepDefined([
    toPlainText(localizeCount(texts, planTexts.tasks, plan.tasks.length)),
    minutes > 0 ? toPlainText(localizeDuration(locale, minutes * MINUTE)) : undefined,
    amount > 0 ? toPlainText(money(amount)) : undefined,
    cost && cost.unknown > 0 ? toPlainText(localizeCount(texts, planTexts.withoutEstimate, cost.unknown)) : undefined,
  ]);
  const budget =
    cost?.budget === undefined
      ? []
      : [
          fillTemplate(planTexts.budget, {
            spent: money(cost.spent ?? 0),
            open: money(cost.open ?? 0),
            budget: money(cost.budget),
          }),
        ];
  return [joinRichText(["Σ ", toBold(planTexts.total), colon, joinRichText(totals, ", ")]), ...budget];
}

function sumMinutes({ tasks }: Plan): number {
  return tasks.reduce((sum, { estimate }) => sum + (estimate?.minutes ?? 0), 0);
}

function renderWarnings({ checked }: PlanRun, { texts }: Presentation): RichText[] {
  const warnings = checked?.warnings ?? [];
  const rest = warnings.length - WARNING_LIMIT;
  return [
    ...warnings.slice(0, WARNING_LIMIT).map((text) => joinRichText(["⚠️ ", toSafeText(text, WARNING_LENGTH)])),
    ...(rest > 0 ? [toPlainText(localizeCount(texts, texts.more, rest))] : []),
  ];
}

/** `2. Build the toggle → Thot, after 1, 40 min, €1.20` */
function renderTaskLine(
  { id, title, assignee, blocked_by: blockers = [], estimate }: PlannedTask,
  numbers: ReadonlyMap<string, number>,
  { checked }: PlanRun,
  { texts }: Presentation,
): RichText {
  const names = blockers.slice(0, BLOCKER_LIMIT).map((name) => String(numbers.get(name) ?? name));
  const keys = toSafeText(names.join(", ") + (blockers.length > BLOCKER_LIMIT ? ", …" : ""), NAME_LENGTH * 2);
  const notes = keepDefined([
    blockers.length > 0 ? fillTemplate(texts.live.plan.after, { keys }) : undefined,
    estimate?.minutes === undefined ? undefined : localizeDuration(texts.locale, estimate.minutes * MINUTE),
    estimate?.cost === undefined
      ? undefined
      : localizeMoney(texts.locale, roundAmount(estimate.cost), checked?.cost.currency),
  ]);
  const arrow = assignee === undefined ? [] : [" → ", toSafeText(assignee, NAME_LENGTH)];
  const rest = notes.length === 0 ? [] : [` (`, joinRichText(notes, ", "), ")"];
  return joinRichText([`${numbers.get(id)}. `, toSafeText(title, TITLE_LENGTH), ...arrow, ...rest]);
}

function renderVerdictLines({ kind, by, reason }: PlanVerdict, { texts }: Presentation): RichText[] {
  const { live, colon } = texts;
  const emoji = { approved: STATUS_EMOJI.done, sent_back: "✏️", cancelled: STATUS_EMOJI.cancelled }[kind];
  const line = joinRichText([`${emoji} `, toBold(fillTemplate(live.plan.verdicts[kind], { by: toSafeText(by, 80) }))]);
  return reason === undefined ? [line] : [joinRichText([line, colon]), ...toSafeLines(reason, 1_000)];
}

/** Button data is `plan:<run>:<action>.<hash>`: the hash binds the decision to the plan that this message showed. */
function createPlanButtons(
  { plan, hash }: PlanProposedEvent,
  awaitsReason: boolean,
  { texts }: Presentation,
): InlineButton[][] {
  const button = (text: string, action: string) => ({ text, data: `plan:${plan}:${action}.${hash}` });
  const approve = button(texts.live.approve, "ok");
  const cancel = button(texts.live.cancel, "no");
  return awaitsReason ? [[approve], [cancel]] : [[approve, button(texts.live.plan.change, "back")], [cancel]];
}

/**
 * Handles the press of a decision: `ok` approves, `back` asks for a reason, `no` cancels. The button names the proposal
 * that its message showed; when the Concierge has proposed another one since, nothing is decided.
 */
export const planButtonHandler: ButtonHandler = async (context, { messageId, id: plan, arg }) => {
  const [action = "", hash = ""] = arg.split(".", 2);
  const proposal = { plan, hash };
  if (action === "back") return askForReason(context, messageId, proposal);
  const outcome = await decidePlan(context, proposal, action === "ok" ? "approved" : "cancelled");
  const adoption = await adoptPlanMessage(context, messageId, proposal);
  return { ...outcome, ...adoption };
};

/** Shows on the message that a reply with the reason is expected. */
async function askForReason(context: CommandContext, messageId: number, proposal: Proposal): Promise<CommandResult> {
  const { deps, chat, presentation } = context;
  const { live } = presentation.texts;
  const jobs = [createRefreshJob(context, proposal.plan)];
  const run = await findPlanRun(deps, proposal.plan);
  if (run?.hash !== proposal.hash || run.state !== "awaiting_approval") {
    const verdict = await findPlanVerdict(deps, proposal.plan, proposal.hash);
    return { toast: renderToast(context, run?.hash === proposal.hash ? "already" : "changed", verdict), jobs };
  }
  const adoption = await adoptPlanMessage(context, messageId, proposal, true);
  if (adoption.put) return { ...adoption, toast: live.plan.reasonToast };
  const key = liveMessageKey(chat, messageId);
  const [row] = await deps.store.read<LiveMessage>([key]);
  if (!row || !isPlanMessage(row.value)) return { toast: presentation.texts.answers.expiredButton };
  const awaitingReason: LiveMessage = { ...row.value, asking: true };
  return {
    expect: [[key, row.rev]],
    put: [createLiveMessagePut(chat, messageId, awaitingReason, false)],
    jobs,
    toast: live.plan.reasonToast,
  };
}

function createRefreshJob({ chat, id, correlation }: CommandContext, plan: string) {
  return createLiveRefreshJob(chat, plan, `heard.${id}`, correlation);
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

/** Records a message whose send got no answer, so that it is kept up to date like the others. */
async function adoptPlanMessage(
  { deps, chat, correlation }: CommandContext,
  messageId: number,
  { plan, hash }: Proposal,
  awaitsReason = false,
): Promise<CommandResult> {
  const key = liveMessageKey(chat, messageId);
  const [stored] = await deps.store.read<LiveMessage>([key]);
  const run = stored ? undefined : await findPlanRun(deps, plan);
  if (!run) return {};
  const event = {
    kind: "plan_proposed",
    plan,
    agent: run.agent,
    title: run.plan.project,
    hash,
    tasks: run.plan.tasks.length,
  } as const;
  const asking = awaitsReason ? { asking: true as const } : {};
  const message: LiveMessage = { subject: { id: plan }, viewHash: "", repeat: true, event, ...asking };
  return {
    expect: [[key, 0]],
    put: [createLiveMessagePut(chat, messageId, message, false)],
    jobs: [createLiveRefreshJob(chat, plan, `adopted.${messageId}`, correlation)],
  };
}

/**
 * Handles a reply to a proposal: a word of approval approves it, anything else is what the Concierge should change.
 * Undefined for other words about a proposal that is decided: they are for the Concierge like any other text.
 */
export async function handlePlanReply(
  context: CommandContext,
  { event, asking: awaitsReason }: LivePlanMessage,
  text: string,
): Promise<CommandResult | undefined> {
  const kind = !awaitsReason && isApproval(text) ? "approved" : "sent_back";
  const decided = await findPlanVerdict(context.deps, event.plan, event.hash);
  if (decided && kind === "sent_back" && (decided.kind !== kind || decided.by !== context.from.name)) return undefined;
  const { toast, ...outcome } = await decidePlan(context, event, kind, text);
  const verdict = await findPlanVerdict(context.deps, event.plan, event.hash);
  // An accepted decision needs no reply: the message itself shows it.
  const isShown = verdict?.by === context.from.name && verdict.kind === kind;
  return { ...outcome, ...omitUndefined({ reply: toast && !isShown ? { rich: toPlainText(toast) } : undefined }) };
}

/** Decides about a proposal. A decision that was made before is reported, also after a crash in between. */
export async function decidePlan(
  context: CommandContext,
  { plan, hash }: Proposal,
  kind: PlanVerdict["kind"],
  reason?: string,
): Promise<CommandResult> {
  const { deps, from, correlation } = context;
  const decision = { hash, by: from.name };
  const outcome =
    kind === "approved"
      ? await approvePlan(deps, plan, decision, correlation)
      : await rejectPlan(deps, plan, { ...decision, reason, isCancelled: kind === "cancelled" }, correlation);
  const verdict = await findPlanVerdict(deps, plan, hash);
  return { toast: renderToast(context, outcome, verdict), jobs: [createRefreshJob(context, plan)] };
}
