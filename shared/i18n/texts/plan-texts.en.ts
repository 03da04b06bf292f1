import type { PlanTexts } from "./plan-texts.ts";

export const planTextsEn: PlanTexts = {
  wishOf: "Request of {by}",
  after: "after {keys}",
  total: "Total",
  tasks: { one: "{n} task", other: "{n} tasks" },
  withoutEstimate: { one: "cost of {n} task unknown", other: "cost of {n} tasks unknown" },
  budget: "Budget of the month: {spent} spent + {open} estimated for open tasks, of {budget}",
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
  replaced: "The plan has changed since. A newer message shows the current one.",
  closed: "Approval is no longer needed.",
  reasonToast: "Reply with what to change.",
};
