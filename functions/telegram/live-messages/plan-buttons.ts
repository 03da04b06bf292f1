import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { approvePlan, rejectPlan } from "../../../shared/work/plan-runs/decide-plan.ts";
import { findPlanRun } from "../../../shared/work/plan-runs/plan-run.ts";
import { findPlanVerdict, type PlanVerdict } from "../../../shared/work/plan-runs/plan-verdict.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { isApproval } from "./approval-word.ts";
import {
  createLiveMessagePut,
  isPlanMessage,
  type LiveMessage,
  type LivePlanMessage,
  liveMessageKey,
} from "./live-message.ts";

/** The proposal that a message shows: the run of its plan, and the hash to which a decision is bound. */
interface Proposal {
  plan: string;
  hash: string;
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

function renderToast(
  { presentation }: CommandContext,
  outcome: Awaited<ReturnType<typeof approvePlan | typeof rejectPlan>>,
  verdict: PlanVerdict | undefined,
): string {
  const { plan: texts, toast } = presentation.texts.live;
  if (!verdict) return outcome === "changed" ? texts.replaced : toast.over;
  return fillTemplate(texts.verdicts[verdict.kind], { by: toSafeText(verdict.by, 60) }).text;
}

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
  const message: LiveMessage = { subject: { id: plan }, shown: "", repeat: true, event, ...asking };
  return {
    expect: [[key, 0]],
    put: [createLiveMessagePut(chat, messageId, message, false)],
    jobs: [createLiveRefreshJob(chat, plan, `adopted.${messageId}`, correlation)],
  };
}

function createRefreshJob({ chat, id, correlation }: CommandContext, plan: string) {
  return createLiveRefreshJob(chat, plan, `heard.${id}`, correlation);
}
