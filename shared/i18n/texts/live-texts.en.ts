import type { LiveTexts } from "./live-texts.ts";
import { planTextsEn } from "./plan-texts.en.ts";
import { ticketTextsEn } from "./ticket-texts.en.ts";

export const liveTextsEn: LiveTexts = {
  hint: {
    press: "Choose a button, or reply to this message with your own answer.",
    reply: "Reply to this message to answer.",
    review: "Approve the task, or reply to this message with what is missing.",
    reason: "Reply to this message with the reason, or press the button again to send it back without one.",
  },
  message: "Message",
  askedAgain: "Question (reminder)",
  urgent: "urgent",
  answered: "Answered by {by}",
  notNeeded: "The task is closed: no answer is needed.",
  confidence: "Confidence of {agent}: {percent}",
  approve: "✅ Approve",
  sendBack: "↩️ Send back",
  withoutReason: "↩️ Send back without a reason",
  approved: "Approved by {by}",
  sentBack: "Sent back by {by}",
  reviewClosed: "No review is needed: the task is {word}.",
  changed: "Changed since this message was sent: {fields}. Review the task again before you approve it.",
  title: "title",
  text: "description",
  toast: {
    answered: "Your answer: {text}",
    already: "Already answered by {by}: {text}",
    over: "This request is closed.",
    approved: "{key} was approved.",
    sentBack: "{key} was sent back.",
    reason: "Reply with the reason, or press again.",
    changed: "{key} has changed. Review it again.",
  },
  plan: planTextsEn,
  ticket: ticketTextsEn,
  since: "since {when}",
  unattended: "no agent active",
  inReview: "in review",
};
