import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { appendRepeatMark } from "../delivery/send-prepared-message.ts";
import { isPlanMessage, isReviewMessage, isTicketMessage, type LiveMessage, type MessageView } from "./live-message.ts";
import { renderPlanProposal } from "./render-plan-proposal.ts";
import { renderQuestion } from "./render-question.ts";
import { renderReview } from "./render-review.ts";
import { renderTicket } from "./render-ticket.ts";

/** Renders what a question, review, plan or ticket should show now. */
export async function renderLiveMessage(context: DeliveryContext, liveMessage: LiveMessage): Promise<MessageView> {
  const view = await renderView(context, liveMessage);
  return liveMessage.repeat ? { ...view, rich: markIfRepeated(context, view, true) } : view;
}

function renderView(context: DeliveryContext, liveMessage: LiveMessage): Promise<MessageView> {
  if (isReviewMessage(liveMessage)) return renderReview(context, liveMessage);
  if (isPlanMessage(liveMessage)) return renderPlanProposal(context, liveMessage);
  if (isTicketMessage(liveMessage)) return renderTicket(context, liveMessage);
  return renderQuestion(context, liveMessage);
}

/** Returns the view's text, with the repeat mark if the message may be in the chat twice. */
export function markIfRepeated({ presentation }: DeliveryContext, { rich }: MessageView, repeat: boolean): RichText {
  return repeat ? appendRepeatMark(rich, presentation.texts.repeat) : rich;
}
