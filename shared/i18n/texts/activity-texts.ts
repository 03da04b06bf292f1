import type { Queue } from "../../store/job-operations.ts";
import type { EventKind } from "../../task/events.ts";

export type Prefixed<P extends string, K extends string> = `${P}.${K}`;

/** Names of the page's texts about what happened, what Groundcrew did and does, and what failed. */
type ActivityTextName =
  | Prefixed<"event", EventKind>
  | Prefixed<"via", "webhook" | "read" | "absence" | "relations" | "bridge">
  | Prefixed<"event", "due.set" | "due.removed" | "asked.reminder" | "stuck.cancelled" | "stuck.blocked">
  | Prefixed<"event.ticket", "pending" | "approved" | "starting" | "running" | "waiting" | "completed" | "updating">
  | Prefixed<"event.ticket", "done" | "rejected" | "failed" | "cancelled">
  | Prefixed<"event.claim_lost", "expired" | "reassigned" | "moved" | "stopped">
  | Prefixed<"did.outbox", "waiting" | "folded" | "delivered" | "repeat" | "set_aside" | "discarded" | "muted">
  | Prefixed<"did.forward", "waiting" | "delivered" | "set_aside" | "discarded">
  | Prefixed<"did.wake", "woken" | "passed_on" | "set_aside" | "discarded">
  | Prefixed<"did", "other" | "nothing" | "show">
  | Prefixed<"rule", "named" | "numbered" | "default" | "settings" | "always" | "wake">
  | Prefixed<"rule.default", "completed tasks" | "critical blockers" | "projects" | "cycles" | "questions">
  | Prefixed<"rule.default", "reviews" | "plans" | "trouble">
  | Prefixed<"technical", "source" | "event" | "action" | "skipped" | "correlation">
  | "technical"
  | "by"
  | "reason"
  | Prefixed<"held", "no_rule" | "muted" | "not_set_up" | "polls" | "other_event">
  | Prefixed<"head", "when" | "what" | "answer">
  | Prefixed<"failed_jobs", "none" | "oldest" | "requeue" | "requeued" | "discard" | "discard.sure" | "discarded">
  | Prefixed<"failed_jobs.queue", Queue>
  | "failed_jobs"
  | Prefixed<"progress", "first_look" | "projects" | "blockers" | "upload" | "of" | "bytes">
  | "progress";

export type ActivityTexts = Record<ActivityTextName, string>;
