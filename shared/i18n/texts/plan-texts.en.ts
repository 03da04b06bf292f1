import type { PlanTexts } from "./plan-texts.ts";

export const planTextsEn: PlanTexts = {
  wishOf: "Request of {by}",
  after: "after {keys}",
  total: "Total",
  tasks: { one: "{n} task", other: "{n} tasks" },
  withoutEstimate: { one: "cost of {n} task unknown", other: "cost of {n} tasks unknown" },
  budget: "Spent this month: {spent} of {budget}",
  approve: "✅ Approve",
  change: "✏️ Change",
  cancel: "✖️ Cancel",
  hint: {
    decide: "Nothing is created before you approve. Reply to this message with what to change.",
    reason: "Reply to this message with what to change.",
  },
  verdicts: {
    approved: "Approved by {by}",
    sent_back: "Sent back by {by}",
    cancelled: "Cancelled by {by}",
  },
  replaced: "The plan changed meanwhile. A newer message shows the present one.",
  closed: "No approval is needed any more.",
  reasonToast: "Reply with what to change.",
};
