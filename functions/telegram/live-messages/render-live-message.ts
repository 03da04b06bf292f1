import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { appendRepeatMark } from "../delivery/send-prepared-message.ts";
import type { LiveMessage, MessageView } from "./live-message.ts";
import { renderQuestion } from "./render-question.ts";
import { renderReview } from "./render-review.ts";

/** Renders what a question or review should show now. */
export async function renderLiveMessage(context: DeliveryContext, liveMessage: LiveMessage): Promise<MessageView> {
  const view =
    "review" in liveMessage ? await renderReview(context, liveMessage) : await renderQuestion(context, liveMessage);
  return liveMessage.repeat ? { ...view, rich: markIfRepeated(context, view, true) } : view;
}

/** Returns the view's text, with the repeat mark if the message may be in the chat twice. */
export function markIfRepeated({ presentation }: DeliveryContext, { rich }: MessageView, repeat: boolean): RichText {
  return repeat ? appendRepeatMark(rich, presentation.texts.repeat) : rich;
}
