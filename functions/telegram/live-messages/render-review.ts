import { localizePercent } from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { observedKeys } from "../../../shared/observe/store-keys.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { joinRichText, type RichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview, KeptReviewVerdict } from "../../../shared/work/lifecycle/review-record.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../presentation/emoji.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { joinViewLines, type LiveReviewMessage, type MessageView } from "./live-message.ts";
import { hashReview } from "./review-fingerprint.ts";
import { acceptsInputInChat, renderSubjectLine, toSafeLines } from "./text-lines.ts";

/** Renders a review in its current state: waiting for a human, decided, or closed without a decision. */
export async function renderReview(context: DeliveryContext, liveMessage: LiveReviewMessage): Promise<MessageView> {
  const { presentation, deps } = context;
  const { texts } = presentation;
  const { event, subject, review, seen: fingerprint, changed = [], asking: awaitsReason = false } = liveMessage;
  const [[stored], [verdict], [item]] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(subject.id)]),
    deps.store.read<KeptReviewVerdict>([workKeys.judged(review)]),
    deps.store.read<KeptItem>([observedKeys.item(subject.id)]),
  ]);
  const percent = localizePercent(texts.locale, event.confidence);
  const reviewLines = [
    joinRichText([
      EVENT_EMOJI.review,
      " ",
      toBold(texts.events.review),
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
    const word = texts.statuses[item?.value.snapshot.word ?? "done"];
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

function renderVerdictLines({ kind, by, reason }: KeptReviewVerdict, { live, colon }: TelegramTexts): RichText[] {
  const [emoji, text] =
    kind === "approved" ? [STATUS_EMOJI.done, live.approved] : [EVENT_EMOJI.sent_back, live.sentBack];
  const head = joinRichText([`${emoji} `, toBold(fillTemplate(text, { by: toSafeText(by, 80) }))]);
  return reason === null ? [head] : [joinRichText([head, colon]), ...toSafeLines(reason, 1_000)];
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
