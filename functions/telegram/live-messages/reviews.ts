/**
 * A task that awaits review: its message, and the verdict by button or reply. The verdict counts only for what was
 * shown.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { localizePercent } from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { observedKeys, workKeys } from "../../../shared/records/store-keys.ts";
import type { ReviewRecord, ReviewVerdict } from "../../../shared/records/task-records.ts";
import { type ItemRecord, isInReview, type Snapshot } from "../../../shared/task/snapshot.ts";
import { findStoredTask, readFreshTask } from "../../../shared/tasks/find-task.ts";
import { approveReview, sendBackReview } from "../../../shared/tasks/lifecycle/reviews.ts";
import type { InlineButton } from "../../../shared/telegram/bot.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import {
  type ButtonHandler,
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
} from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, STATUS_EMOJI } from "../presentation/presentation.ts";
import {
  acceptsInputInChat,
  createLiveMessagePut,
  isApproval,
  isReviewMessage,
  joinViewLines,
  type LiveMessage,
  type LiveReviewMessage,
  liveMessageKey,
  type MessageView,
  type ReviewEvent,
  renderSubjectLine,
  toSafeLines,
} from "./live-message.ts";

/** Renders a review in its current state: waiting for a human, decided, or closed without a decision. */
export async function renderReview(context: DeliveryContext, liveMessage: LiveReviewMessage): Promise<MessageView> {
  const { presentation, deps } = context;
  const { texts } = presentation;
  const { event, subject, review, fingerprint, changed = [], asking: awaitsReason = false } = liveMessage;
  const [[stored], [verdict], [item]] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(subject.id)]),
    deps.store.read<ReviewVerdict>([workKeys.reviewVerdict(review)]),
    deps.store.read<ItemRecord>([observedKeys.item(subject.id)]),
  ]);
  const percent = localizePercent(texts.locale, event.confidence);
  const reviewLines = [
    joinRichText([
      EVENT_EMOJI.review,
      " ",
      toBold(texts.events.review.title),
      texts.colon,
      renderSubjectLine(subject, presentation),
    ]),
    fillTemplate(texts.live.confidence, { agent: toSafeText(event.agent, 80), percent }),
    ...toSafeLines(event.text, 1_500),
  ];
  if (verdict)
    return { rich: joinViewLines([...reviewLines, ...renderVerdictLines(verdict.value, texts)]), isClosed: true };
  const isWaiting = stored?.value.id === review && (item === undefined || isInReview(item.value));
  if (!isWaiting) {
    const word = texts.statuses[item?.value.snapshot.status ?? "done"];
    return { rich: joinViewLines([...reviewLines, fillTemplate(texts.live.reviewClosed, { word })]), isClosed: true };
  }
  if (!acceptsInputInChat(context)) return { rich: joinViewLines(reviewLines), isClosed: false };
  const fields = changed.map((field) => getFieldName(field, texts)).join(", ");
  const note = changed.length > 0 ? [joinRichText(["✏️ ", fillTemplate(texts.live.changed, { fields })])] : [];
  const hint = texts.live.hint[awaitsReason ? "reason" : "review"];
  return {
    rich: joinViewLines([...reviewLines, ...note, toPlainText(hint)]),
    buttons: createVerdictButtons(subject.id, await hashReview(review, event, fingerprint), awaitsReason, texts),
    isClosed: false,
  };
}

function renderVerdictLines({ kind, by, reason }: ReviewVerdict, { live, colon }: TelegramTexts): RichText[] {
  const [emoji, text] =
    kind === "approved" ? [STATUS_EMOJI.done, live.approved] : [EVENT_EMOJI.sent_back, live.sentBack];
  const head = joinRichText([`${emoji} `, toBold(fillTemplate(text, { by: toSafeText(by, 80) }))]);
  return reason === null ? [head] : [joinRichText([head, colon]), ...toSafeLines(reason, 1_000)];
}

function getFieldName(field: string, { live, fields }: TelegramTexts): string {
  const names: Record<string, string> = {
    title: live.title,
    text: live.text,
    status: fields.status,
    priority: fields.priority,
    due: fields.due,
    assignees: fields.assignees,
  };
  return (names[field] ?? field).toLowerCase();
}

/** Button data is `review:<item>:<action>.<hash>`: the hash binds the verdict to what this message showed. */
function createVerdictButtons(
  item: string,
  hash: string,
  awaitsReason: boolean,
  { live }: TelegramTexts,
): InlineButton[][] {
  const button = (text: string, action: string) => ({ text, data: `review:${item}:${action}.${hash}` });
  if (awaitsReason) return [[button(live.withoutReason, "now")], [button(live.approve, "ok")]];
  return [[button(live.approve, "ok"), button(live.sendBack, "back")]];
}

/** Twelve characters that bind an approval to this review of this task as it was shown. */
function hashReview(review: string, { agent, confidence, text }: ReviewEvent, fieldHashes: Record<string, string>) {
  return hashShort(JSON.stringify([review, agent, confidence, text, Object.entries(fieldHashes).sort()]));
}

async function hashShort(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 12);
}

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
    const changed = [
      ...new Set([...(liveMessage.changed ?? []), ...findChangedFields(liveMessage.fingerprint, fingerprint)]),
    ];
    const updated: LiveMessage = { ...rest, fingerprint, changed, subject: { ...liveMessage.subject, title } };
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

/** Returns the task as Plane has it now if this review waits for a verdict; otherwise a text that says why not. */
async function readPendingReviewTask(context: CommandContext, liveMessage: LiveReviewMessage): Promise<Task | string> {
  const { deps, presentation, from } = context;
  const [[stored], [verdict], task] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(liveMessage.subject.id)]),
    deps.store.read<ReviewVerdict>([workKeys.reviewVerdict(liveMessage.review)]),
    findStoredTask(deps, liveMessage.subject.id),
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
  kind: ReviewVerdict["kind"],
  reason: string,
): Promise<void> {
  const callContext = createCommandCallContext(context);
  await (kind === "approved" ? approveReview(callContext, task) : sendBackReview(callContext, task, reason));
}

function renderToast(
  { presentation }: CommandContext,
  toastKey: "approved" | "sentBack" | "reason" | "changed",
  { subject }: LiveReviewMessage,
): string {
  return fillTemplate(presentation.texts.live.toast[toastKey], { key: toSafeText(subject.key, 40) }).text;
}

function createRefreshJob({ chat, id, correlation }: CommandContext, { subject }: LiveMessage) {
  return createLiveRefreshJob(chat, subject.id, `heard.${id}`, correlation);
}

/** Names of the fields whose hashes differ. */
function findChangedFields(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now).filter((field) => before[field] !== now[field]);
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
  const hash = await hashReview(liveMessage.review, liveMessage.event, liveMessage.fingerprint);
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

/** Short hashes of the fields a reviewer sees. Labels are excluded, because Groundcrew changes them itself. */
export async function hashTaskFields({ name, description, status, priority, due, assignees }: Snapshot) {
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
 * Whether another review waits than the one that a button was bound to, or the task has changed since. A review that has
 * its verdict, or waits no more, has not changed: the verdict itself says so, and an interrupted one is resumed.
 */
export async function hasReviewChanged(context: CommandContext, task: Task, hash: string): Promise<boolean> {
  const review = await readReview(context, task);
  if (review?.verdict) return false;
  const present = await readFreshTask(createCommandCallContext(context), task);
  return isInReview(present.item) && hash !== (await hashReviewedTask(review?.id ?? "", present.item.snapshot));
}
