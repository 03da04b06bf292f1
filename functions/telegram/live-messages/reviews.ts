/**
 * A task that awaits review: its message, and the verdict by button or reply. The verdict counts only for what was
 * shown.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { findProcedure } from "../../../shared/procedure/procedure.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { observedKeys, workKeys } from "../../../shared/records/store-keys.ts";
import type { ReviewRecord, ReviewVerdict } from "../../../shared/records/task-records.ts";
import { type ItemRecord, isInReview, type Snapshot } from "../../../shared/task/snapshot.ts";
import { findStoredTask, readFreshTask } from "../../../shared/tasks/find-task.ts";
import { approveReview, sendBackReview, VERDICT } from "../../../shared/tasks/lifecycle/reviews.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { type CommandContext, createCommandCallContext } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, renderTaskTitle, STATUS_EMOJI } from "../presentation/presentation.ts";
import {
  isApproval,
  type LiveContent,
  type LiveKind,
  type LiveResult,
  type LiveReviewMessage,
  NEW_MESSAGE,
  type ReviewEvent,
  renderHeadline,
  renderVerdict,
  toSafeLines,
} from "./live-message.ts";

/** A press of `ok` approves, `back` asks for a reason, `now` sends back without a reason. */
export const reviewKind: LiveKind<LiveReviewMessage> = {
  verb: "review",
  async createMessage({ deps }, event, subject) {
    if (!subject) return undefined;
    const [[stored], [item]] = await Promise.all([
      deps.store.read<ReviewRecord>([workKeys.review(subject.id)]),
      deps.store.read<ItemRecord>([observedKeys.item(subject.id)]),
    ]);
    const fingerprint = item ? await hashTaskFields(item.value.snapshot) : {};
    return { ...NEW_MESSAGE, event, subject, review: stored?.value.id ?? "", fingerprint };
  },
  render: renderReview,
  async press(context, { action, hash, message }) {
    if (!message) return { toast: context.presentation.texts.answers.expiredButton };
    return judgeReview(context, message, action, hash);
  },
  reply: replyToReview,
};

/** Renders a review in its current state: waiting for a human, decided, or closed without a decision. */
async function renderReview(context: DeliveryContext, message: LiveReviewMessage): Promise<LiveContent> {
  const { presentation, deps } = context;
  const { texts } = presentation;
  const { live } = texts;
  const { event, subject, review, fingerprint, changed = [], asking } = message;
  const [{ isCurrent, verdict }, [item]] = await Promise.all([
    readReviewState(context, message),
    deps.store.read<ItemRecord>([observedKeys.item(subject.id)]),
  ]);
  const percent = presentation.format.percent(event.confidence);
  const lines = [
    renderHeadline(
      presentation,
      [EVENT_EMOJI.review, texts.events.review.title],
      renderTaskTitle(presentation, subject),
    ),
    fillTemplate(live.confidence, { agent: toSafeText(event.agent, 80), percent }),
    ...toSafeLines(event.text, 1_500),
  ];
  if (verdict) {
    const { kind, by, reason } = verdict;
    const emoji = kind === "approved" ? STATUS_EMOJI.done : EVENT_EMOJI.sent_back;
    const line = fillTemplate(kind === "approved" ? live.approved : live.sentBack, { by: toSafeText(by, 80) });
    return { lines, outcome: renderVerdict(presentation, emoji, line, reason) };
  }
  if (!isCurrent || (item && !isInReview(item.value))) {
    const word = texts.statuses[item?.value.snapshot.status ?? "done"];
    return { lines, outcome: [fillTemplate(live.reviewClosed, { word })] };
  }
  return {
    lines,
    progress: renderChangedFields(changed, texts),
    hint: live.hint[asking ? "reason" : "review"],
    buttons: {
      id: subject.id,
      hash: await hashReview(review, event, fingerprint),
      rows: asking
        ? [[[live.withoutReason, "now"]], [[live.approve, "ok"]]]
        : [
            [
              [live.approve, "ok"],
              [live.sendBack, "back"],
            ],
          ],
    },
  };
}

/** Reads whether a message is about the task's present review, and the verdict on the message's one. */
async function readReviewState(
  { deps }: Pick<CommandContext, "deps"> | DeliveryContext,
  { subject, review }: LiveReviewMessage,
): Promise<{ isCurrent: boolean; verdict: ReviewVerdict | undefined }> {
  const [[stored], verdict] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(subject.id)]),
    findProcedure(deps, VERDICT, review),
  ]);
  return { isCurrent: stored?.value.id === review, verdict: verdict?.input };
}

function renderChangedFields(changed: readonly string[], { live, fields }: TelegramTexts): RichText[] {
  if (changed.length === 0) return [];
  const { status, priority, due, assignees } = fields;
  const names: Record<string, string> = { title: live.title, text: live.text, status, priority, due, assignees };
  const list = changed.map((field) => (names[field] ?? field).toLowerCase()).join(", ");
  return [joinRichText(["✏️ ", fillTemplate(live.changed, { fields: list })])];
}

/** Twelve characters that bind an approval to this review of this task as it was shown. */
function hashReview(review: string, { agent, confidence, text }: ReviewEvent, fieldHashes: Record<string, string>) {
  return hashShort(JSON.stringify([review, agent, confidence, text, Object.entries(fieldHashes).sort()]));
}

async function hashShort(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 12);
}

/** Takes a verdict on what was shown. If the task has changed since, this only updates the message. */
async function judgeReview(
  context: CommandContext,
  message: LiveReviewMessage,
  action: string,
  hash: string,
): Promise<LiveResult> {
  const pending = await readPendingReviewTask(context, message);
  if (typeof pending === "string") return { toast: pending };
  const { snapshot } = pending.item;
  const fingerprint = await hashTaskFields(snapshot);
  const { asking: _, ...rest } = message;
  if (hash !== (await hashReview(message.review, message.event, fingerprint))) {
    const changedNow = Object.keys(fingerprint).filter((field) => fingerprint[field] !== message.fingerprint[field]);
    const changed = [...new Set([...(message.changed ?? []), ...changedNow])];
    const subject = { ...message.subject, title: snapshot.name };
    return {
      message: { ...rest, fingerprint, changed, subject },
      toast: renderToast(context, "changed", message),
    };
  }
  if (action === "back")
    return { message: { ...message, asking: true }, toast: renderToast(context, "reason", message) };
  const kind = action === "ok" ? "approved" : "sent_back";
  await applyVerdict(context, pending, kind, "");
  return { toast: renderToast(context, kind, message) };
}

/** Returns the task as Plane has it now if this review waits for a verdict; otherwise a text that says why not. */
async function readPendingReviewTask(context: CommandContext, message: LiveReviewMessage): Promise<Task | string> {
  const { deps, presentation, from } = context;
  const [{ isCurrent, verdict }, task] = await Promise.all([
    readReviewState(context, message),
    findStoredTask(deps, message.subject.id),
  ]);
  const { over } = presentation.texts.live.toast;
  if (verdict) {
    // A crash may have interrupted this verdict: it is resumed and confirmed like the first time.
    if (isCurrent && task && verdict.by === from.name)
      await applyVerdict(context, task, verdict.kind, verdict.reason ?? "");
    return renderToast(context, verdict.kind, message);
  }
  if (!isCurrent || !task) return over;
  const freshTask = await readFreshTask(createCommandCallContext(context), task).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  });
  return freshTask && isInReview(freshTask.item) ? freshTask : over;
}

async function applyVerdict(context: CommandContext, task: Task, kind: ReviewVerdict["kind"], reason: string) {
  const callContext = createCommandCallContext(context);
  await (kind === "approved" ? approveReview(callContext, task) : sendBackReview(callContext, task, reason));
}

function renderToast(
  { presentation }: CommandContext,
  outcome: ReviewVerdict["kind"] | "reason" | "changed",
  { subject }: LiveReviewMessage,
): string {
  const { toast } = presentation.texts.live;
  return fillTemplate(toast[outcome], { key: toSafeText(subject.key, 40) }).text;
}

/**
 * Handles a reply to a review: a word of approval is the same as pressing Approve, anything else is the reason to send
 * the task back, even if it has changed: the reply is about the work. A reply does not show which version of the
 * message it answers, so if the message has changed, only the button approves. A text that stops the work, and one to a
 * review that is over, are passed on to the task's agents.
 */
async function replyToReview(
  context: CommandContext,
  message: LiveReviewMessage,
  text: string,
  passOn: () => Promise<LiveResult>,
): Promise<LiveResult> {
  const { isCurrent, verdict } = await readReviewState(context, message);
  // The verdict of the same person is confirmed again: a crash may have interrupted it.
  const isOver = (!isCurrent || verdict !== undefined) && verdict?.by !== context.from.name;
  if (isStopWord(text) || isOver) return passOn();
  if (message.asking || !isApproval(text)) {
    const pending = await readPendingReviewTask(context, message);
    if (typeof pending === "string") return { reply: { rich: toPlainText(pending) } };
    await applyVerdict(context, pending, "sent_back", text);
    return {};
  }
  if (message.changed) return { reply: { rich: toPlainText(renderToast(context, "changed", message)) } };
  const hash = await hashReview(message.review, message.event, message.fingerprint);
  const { toast, ...outcome } = await judgeReview(context, message, "ok", hash);
  return { ...outcome, reply: { rich: toPlainText(toast ?? "") } };
}

/** Short hashes of the fields a reviewer sees. Labels are excluded, because Groundcrew changes them itself. */
async function hashTaskFields({ name, description, status, priority, due, assignees }: Snapshot) {
  const values = { title: name, text: description, status, priority, due, assignees };
  const hashed = Object.entries(values).map(
    async ([field, value]) => [field, await hashShort(JSON.stringify(value))] as const,
  );
  return Object.fromEntries(await Promise.all(hashed));
}

/** The hash that binds a button to a review of a task, with the task as it is shown. */
export async function hashShownReview(context: CommandContext, task: Task): Promise<string> {
  return hashReviewedTask((await readReview(context, task))?.id ?? "", task.item.snapshot);
}

/** Twelve characters that bind a verdict to this review of this task, for a button without the message of the review. */
async function hashReviewedTask(review: string, snapshot: Snapshot): Promise<string> {
  return hashShort(JSON.stringify([review, Object.entries(await hashTaskFields(snapshot)).sort()]));
}

async function readReview({ deps }: CommandContext, { id }: Task): Promise<ReviewRecord | undefined> {
  return (await deps.store.read<ReviewRecord>([workKeys.review(id)]))[0]?.value;
}

/**
 * Whether another review waits than the one that a button was bound to, or the task has changed since. A review that
 * has its verdict, or waits no more, has not changed: the verdict itself says so, and an interrupted one is resumed.
 */
export async function hasReviewChanged(context: CommandContext, task: Task, hash: string): Promise<boolean> {
  const review = await readReview(context, task);
  if (review?.isDecided) return false;
  const present = await readFreshTask(createCommandCallContext(context), task);
  return isInReview(present.item) && hash !== (await hashReviewedTask(review?.id ?? "", present.item.snapshot));
}
