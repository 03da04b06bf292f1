import type { EventKind } from "../../../shared/task/events.ts";
import type { Status } from "../../../shared/task/snapshot.ts";

export const STATUS_EMOJI: Record<Status, string> = {
  todo: "⬜",
  in_progress: "🔵",
  blocked: "⛔",
  done: "✅",
  cancelled: "✖️",
};

/** An event that changes a task's status has the emoji of that status. */
export const EVENT_EMOJI: Record<EventKind, string> = {
  created: "🆕",
  assigned: "👤",
  unassigned: "👤",
  started: STATUS_EMOJI.in_progress,
  blocked: STATUS_EMOJI.blocked,
  unblocked: "🟢",
  completed: STATUS_EMOJI.done,
  cancelled: STATUS_EMOJI.cancelled,
  reopened: "🔄",
  removed: "🗑️",
  restored: "♻️",
  renamed: "✏️",
  due: "📅",
  priority: "❗",
  comment_added: "💬",
  comment_edited: "💬",
  project_created: "📁",
  project_completed: "🏁",
  cycle_started: "🏃",
  cycle_completed: "🏆",
  asked: "❓",
  answered: "💡",
  critical: "🚨",
  claim_lost: "💤",
  review: "🔍",
  sent_back: "↩️",
  stuck: "🧱",
  circle: "🔁",
  failed: "⚠️",
  plan_proposed: "🗺️",
  plan_approved: "👍",
  plan_rejected: "👎",
  plan_failed: "⚠️",
  plan_completed: "🏁",
};
