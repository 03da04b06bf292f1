import type { CommentTexts } from "./comment-texts.ts";

export const commentTextsEn: CommentTexts = {
  locale: "en",
  headings: { progress: "Progress", error: "Error", question: "Question" },
  colon: ": ",
  percent: "{n}%",
  statuses: {
    todo: "Returned to todo",
    in_progress: "Started",
    blocked: "Blocked",
    done: "Done",
    cancelled: "Cancelled",
  },
  review: "<strong>Finished, waiting for review</strong>: confidence {confidence}, below {threshold}",
  commit: "Commit: {commit}",
  tests: "Tests: {tests}",
  criteria: "Acceptance criteria:",
  deliverable: "Deliverable: {file} ({size})",
  question: "<strong>Question</strong>",
  answer: "<strong>Answer</strong> ({by}):",
  approved: "<strong>Approved</strong> by {by}",
  sentBack: "<strong>Sent back</strong> by {by}",
  failed: "<strong>Blocked</strong>: {reason}",
  expired:
    "<strong>{agent}</strong> held this task from {from} to {to}, then showed no activity for {minutes} minutes. The claim has expired and the task is back in todo.",
  stopped:
    "Stopped by <strong>{by}</strong>: {agent} no longer works on this task. It may be started again after a comment, a change of its state or a new assignment.",
  remark: "<strong>{by}</strong> wrote:",
  blockedByTask: {
    cancelled:
      "Blocked by a dependency: this task depends on {blocker}, which was cancelled. It returns to todo when that task is reopened or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.",
    blocked:
      "Blocked by a dependency: this task depends on {blocker}, which is itself blocked. It returns to todo when that task is unblocked or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.",
  },
  unblocked: "No longer blocked by {blockers}.",
  dependencyRemoved:
    "{by} removed the dependency on {blockers}: this task no longer waits for it. Plane still shows the relation, because its API cannot remove relations; you can remove it here.",
  blockedBy: "Blocked by: {keys}",
  doneTask: "{task} (done)",
  ticket: {
    heading: "Done in a Claude Code session",
    branch: "Branch: {branch}",
    diff: "Changed files: {files}, lines added: {insertions}, lines removed: {deletions}",
    time: "Time since approval: {time}",
    cost: "Cost: {cost}",
    commits: "Commits:",
  },
  deletedTask: "a deleted task",
};
