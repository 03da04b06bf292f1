/** The names of all events, as settings, stored jobs and messages write them. */

export const WORK_EVENT_KINDS = [
  "asked",
  "answered",
  "critical",
  "claim_lost",
  "addressed",
  "review",
  "sent_back",
  "stuck",
  "circle",
  "failed",
  "ticket",
] as const;

export const PLAN_EVENT_KINDS = [
  "plan_proposed",
  "plan_approved",
  "plan_rejected",
  "plan_failed",
  "plan_completed",
] as const;

export const EVENT_KINDS = [
  "created",
  "assigned",
  "unassigned",
  "started",
  "blocked",
  "unblocked",
  "completed",
  "cancelled",
  "reopened",
  "removed",
  "restored",
  "renamed",
  "due",
  "priority",
  "comment_added",
  "comment_edited",
  "project_created",
  "project_completed",
  "project_deleted",
  "cycle_started",
  "cycle_completed",
  ...WORK_EVENT_KINDS,
  ...PLAN_EVENT_KINDS,
] as const;

/** A test holds that these are the names in `AnyEvent`. */
export type EventKind = (typeof EVENT_KINDS)[number];
