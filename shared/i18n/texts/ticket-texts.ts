import type { PluralForms } from "../plural.ts";

/** Texts of messages about tickets: approvals, what sessions wait for, and results. */
export interface TicketTexts {
  /** The first words of a message: what it wants. */
  headlines: Record<
    | "approval"
    | "permission"
    | "input"
    | "time"
    | "exited"
    | "time_over"
    | "attention"
    | "failed"
    | "result"
    | "update",
    string
  >;
  requestedBy: string;
  requested: string;
  /** What requested a ticket. */
  triggers: Record<"created" | "status" | "comment" | "test", string>;
  noDescription: string;
  /** The text is longer than a message; the first one where the page has an address. */
  shortened: Record<"onPage" | "inPlane", string>;
  page: string;
  terminal: string;
  changed: string;
  /** The time at which a session ends, and since when it has no output. */
  endsAt: string;
  silentSince: string;
  /** The place of a question among those that a session asks at once. */
  part: string;
  /** What can be done: the last line of a message. */
  hints: Record<
    "approval" | "permission" | "input" | "choices" | "time" | "ended" | "summary" | "attention" | "result" | "failed",
    string
  >;
  buttons: Record<
    | "approve"
    | "reject"
    | "allow"
    | "deny"
    | "extend"
    | "stop"
    | "resume"
    | "choose"
    | "complete"
    | "cancel"
    | "approveUpdate"
    | "retry",
    string
  >;
  /** What came of it; also shown after a press. */
  outcomes: Record<
    | "approved"
    | "rejected"
    | "cancelled"
    | "closed"
    | "allowed"
    | "denied"
    | "answered"
    | "extended"
    | "resumed"
    | "completed"
    | "notNeeded"
    | "changed"
    | "typed"
    | "summary",
    string
  >;
  commits: PluralForms;
  /** The update of Plane; `{problem}` is why a step failed. */
  update: Record<"writing" | "noComment" | "noStatus" | "done", string>;
  /** `/plane status`. */
  heading: string;
  counts: { pending: PluralForms; active: PluralForms; results: PluralForms };
  waits: Record<"approval" | "answer" | "result" | "update", string>;
  /** `/plane approve` and `/plane reject`. */
  which: string;
  options: Record<"ticket" | "review" | "result", string>;
  confirmations: Record<"approved" | "rejected" | "updating", string>;
  nothingWaits: string;
}
