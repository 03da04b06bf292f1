import { GroundcrewError } from "../../../shared/errors.ts";
import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview, KeptReviewVerdict } from "../../../shared/work/lifecycle/review-record.ts";
import { approveReview, sendBackReview } from "../../../shared/work/lifecycle/review-task.ts";
import { findKeptTask, readFreshTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import {
  type ButtonHandler,
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
} from "../commands/command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { isApproval } from "./approval-word.ts";
import {
  createLiveMessagePut,
  isReviewMessage,
  type LiveMessage,
  type LiveReviewMessage,
  liveMessageKey,
} from "./live-message.ts";
import { findChangedFields, hashReview, hashTaskFields } from "./review-fingerprint.ts";

/**
 * Handles the press of a verdict: `ok` approves, `back` asks for a reason, `now` sends back without a reason. If the
 * task has changed since the message was shown, the press only updates the message.
 */
export const verdictButtonHandler: ButtonHandler = async (context, { messageId, arg }) => {
  const { deps, chat, presentation } = context;
  const [action = "", hash = ""] = arg.split(".", 2);
  const [row] = await deps.store.read<LiveMessage>([liveMessageKey(chat, messageId)]);
  if (!row || !isReviewMessage(row.value)) return { toast: presentation.texts.answers.expiredButton };
  const liveMessage = row.value;
  const pending = await readPendingReviewTask(context, liveMessage);
  if (typeof pending === "string") return { toast: pending, jobs: [createRefreshJob(context, liveMessage)] };
  const fingerprint = await hashTaskFields(pending.item.snapshot);
  if (hash !== (await hashReview(liveMessage.review, liveMessage.event, fingerprint))) {
    const title = pending.item.snapshot.name;
    const { asking: _, ...rest } = liveMessage;
    const changed = [...new Set([...(liveMessage.changed ?? []), ...findChangedFields(liveMessage.seen, fingerprint)])];
    const updated: LiveMessage = { ...rest, seen: fingerprint, changed, subject: { ...liveMessage.subject, title } };
    return {
      ...showLiveMessage(context, messageId, row.rev, updated),
      toast: renderToast(context, "changed", liveMessage),
    };
  }
  if (action === "back") {
    const awaitingReason: LiveMessage = { ...liveMessage, asking: true };
    return {
      ...showLiveMessage(context, messageId, row.rev, awaitingReason),
      toast: renderToast(context, "reason", liveMessage),
    };
  }
  await applyVerdict(context, pending, action === "ok" ? "approved" : "sent_back", "");
  return {
    toast: renderToast(context, action === "ok" ? "approved" : "sentBack", liveMessage),
    jobs: [createRefreshJob(context, liveMessage)],
  };
};

/**
 * Handles a reply to a review: a word of approval is the same as pressing Approve, anything else is the reason to send
 * the task back. A reply does not show which version of the message it answers, so if the message has changed, only the
 * button approves.
 */
export async function handleReviewReply(
  context: CommandContext,
  liveMessage: LiveReviewMessage,
  { to: messageId, text }: { to: number; text: string },
): Promise<CommandResult> {
  if (liveMessage.asking || !isApproval(text)) return sendBackWithReason(context, liveMessage, text);
  if (liveMessage.changed) return { reply: { rich: toPlainText(renderToast(context, "changed", liveMessage)) } };
  const hash = await hashReview(liveMessage.review, liveMessage.event, liveMessage.seen);
  const { toast, ...outcome } = await verdictButtonHandler(context, {
    messageId,
    id: liveMessage.subject.id,
    arg: `ok.${hash}`,
  });
  return { ...outcome, ...omitUndefined({ reply: toast !== undefined ? { rich: toPlainText(toast) } : undefined }) };
}

/** Sends the task back with the reply as the reason, even if the task has changed: the reply is about the work. */
async function sendBackWithReason(
  context: CommandContext,
  liveMessage: LiveReviewMessage,
  reason: string,
): Promise<CommandResult> {
  const pending = await readPendingReviewTask(context, liveMessage);
  if (typeof pending === "string")
    return { reply: { rich: toPlainText(pending) }, jobs: [createRefreshJob(context, liveMessage)] };
  await applyVerdict(context, pending, "sent_back", reason);
  return { jobs: [createRefreshJob(context, liveMessage)] };
}

/** Returns the task as Plane has it now if this review waits for a verdict; otherwise a text that says why not. */
async function readPendingReviewTask(context: CommandContext, liveMessage: LiveReviewMessage): Promise<Task | string> {
  const { deps, presentation, from } = context;
  const [[stored], [verdict], task] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(liveMessage.subject.id)]),
    deps.store.read<KeptReviewVerdict>([workKeys.judged(liveMessage.review)]),
    findKeptTask(deps, liveMessage.subject.id),
  ]);
  const { over } = presentation.texts.live.toast;
  const isWaiting = task !== undefined && stored?.value.id === liveMessage.review;
  if (verdict) {
    const { kind, by, reason } = verdict.value;
    // A crash may have interrupted this verdict: it is resumed and confirmed like the first time.
    if (isWaiting && by === from.name) await applyVerdict(context, task, kind, reason ?? "");
    return renderToast(context, kind === "approved" ? "approved" : "sentBack", liveMessage);
  }
  if (!isWaiting) return over;
  const freshTask = await readFreshTask(createCommandCallContext(context), task).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  });
  return freshTask && isInReview(freshTask.item) ? freshTask : over;
}

async function applyVerdict(
  context: CommandContext,
  task: Task,
  kind: KeptReviewVerdict["kind"],
  reason: string,
): Promise<void> {
  const callContext = createCommandCallContext(context);
  await (kind === "approved" ? approveReview(callContext, task) : sendBackReview(callContext, task, reason));
}

/** Stores what the message should show and requests its refresh. */
function showLiveMessage(
  context: CommandContext,
  messageId: number,
  rev: number,
  liveMessage: LiveMessage,
): CommandResult {
  const { chat } = context;
  return {
    expect: [[liveMessageKey(chat, messageId), rev]],
    put: [createLiveMessagePut(chat, messageId, liveMessage, false)],
    jobs: [createRefreshJob(context, liveMessage)],
  };
}

function createRefreshJob({ chat, id, correlation }: CommandContext, { subject }: LiveMessage) {
  return createLiveRefreshJob(chat, subject.id, `heard.${id}`, correlation);
}

function renderToast(
  { presentation }: CommandContext,
  toastKey: "approved" | "sentBack" | "reason" | "changed",
  { subject }: LiveReviewMessage,
): string {
  return fillTemplate(presentation.texts.live.toast[toastKey], { key: toSafeText(subject.key, 40) }).text;
}
