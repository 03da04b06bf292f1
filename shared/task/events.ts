import type { Priority } from "./snapshot.ts";

/** Events found by comparing two snapshots of a work item. */
export type TaskEvent =
  | { kind: "created" }
  | { kind: "assigned"; who: string }
  | { kind: "unassigned"; who: string }
  | { kind: "started" }
  | { kind: "blocked" }
  | { kind: "unblocked" }
  | { kind: "completed" }
  | { kind: "cancelled" }
  | { kind: "reopened" }
  | { kind: "removed" }
  | { kind: "restored" }
  | { kind: "renamed"; from: string }
  | { kind: "due"; from: string | null; to: string | null }
  | { kind: "priority"; from: Priority; to: Priority }
  | { kind: "comment_added"; comment: string; author: string | null }
  | { kind: "comment_edited"; comment: string; author: string | null };

export type ProjectEvent =
  | { kind: "project_created" }
  /** `planned`: `plan_completed` reports the same to the Concierge. */
  | { kind: "project_completed"; planned?: true };

export type CycleEvent = { kind: "cycle_started" } | { kind: "cycle_completed" };

/**
 * Events that no snapshot can show, because they happen in Groundcrew: questions, answers, claims, reviews, failures.
 * `agent` is the name of the agent concerned, as in the settings.
 */
export type WorkEvent =
  /** An agent's question to the human. `reminder` is 0 for the question itself, 1 and 2 for its reminders. */
  | {
      kind: "asked";
      question: string;
      agent: string;
      text: string;
      choices: string[];
      urgency: Urgency;
      reminder: number;
    }
  | { kind: "answered"; question: string; agent: string; text: string; by: string }
  /** A comment that the agent marked as critical. */
  | { kind: "critical"; comment: string; agent: string; text: string }
  /**
   * The agent lost its claim: it expired after `minutes` without a call (absent on older events: 15), the task was
   * reassigned, people changed its status, or the person `by` stopped the work.
   */
  | { kind: "claim_lost"; agent: string; why: ClaimLossReason; since: string; minutes?: number; by?: string }
  /**
   * The person `by` wrote to the agent: a comment on its task, or with a mention of it. `remark` identifies what was
   * written; `text` may combine several remarks, one per line.
   */
  | { kind: "addressed"; agent: string; remark: string; by: string; text: string }
  /** The agent finished with less confidence than required, so a human reviews the task (OPENCLAW-12). */
  | { kind: "review"; agent: string; confidence: number; text: string }
  /** The reviewer sent the task back: the agent continues it. */
  | { kind: "sent_back"; agent: string; by: string | null; reason: string | null }
  /** The task was blocked because a task it depends on was cancelled or blocked (OPENCLAW-14). */
  | { kind: "stuck"; blocker: string; why: "cancelled" | "blocked" }
  /** A dependency cycle. `path` holds the task keys; the first key is repeated at the end. */
  | { kind: "circle"; path: string[] }
  /**
   * A permanent error prevented an operation that an agent requested (OPENCLAW-15). `text` is in English, `refusal` is
   * what people read.
   */
  | { kind: "failed"; agent: string; text: string; refusal?: ReasonForPeople }
  /**
   * A ticket, a work item for a Claude Code session, took a step. `ticket` is its key, `reason` the code of the step and
   * `text` its details. `wait`: what a person must know because of it.
   */
  | {
      kind: "ticket";
      ticket: string;
      run: number;
      from: string | null;
      state: string;
      reason: string;
      text: string;
      by: string | null;
      wait?: { kind: (typeof TICKET_WAIT_KINDS)[number]; id: string };
    };

/** What of a ticket may wait for a person. `update`: a step of the update of Plane failed. */
export const TICKET_WAIT_KINDS = ["approval", "question", "attention", "failed", "result", "update"] as const;

/** Why something failed, for people: the name of a text, and the values of its placeholders. */
interface ReasonForPeople {
  name: string;
  values?: Readonly<Record<string, string>>;
  reason?: Omit<ReasonForPeople, "reason">;
}

/**
 * Events of a plan, which has no work item and, until it has been created, no project. `plan` is the id of its run,
 * `agent` the Concierge that made it, `title` its project's name.
 */
export type PlanEvent =
  /** A plan for a person's wish waits for approval. `hash` identifies what was proposed; an approval must name it. */
  | { kind: "plan_proposed"; plan: string; agent: string; title: string; hash: string; tasks: number }
  | { kind: "plan_approved"; plan: string; agent: string; title: string; by: string }
  /** `cancelled`: the plan is given up, so the Concierge is not woken to change it. */
  | {
      kind: "plan_rejected";
      plan: string;
      agent: string;
      title: string;
      by: string;
      reason: string | null;
      cancelled?: true;
    }
  /** The plan cannot be completed; `text` is the reason in English, `refusal` is what people read. */
  | { kind: "plan_failed"; plan: string; agent: string; title: string; text: string; refusal?: ReasonForPeople }
  /** All tasks of the plan are closed. */
  | { kind: "plan_completed"; plan: string; agent: string; title: string; tasks: number };

/** Why an agent lost its claim. */
export type ClaimLossReason = "expired" | "reassigned" | "moved" | "stopped";

export type Urgency = "low" | "normal" | "high";

export type AnyEvent = TaskEvent | ProjectEvent | CycleEvent | WorkEvent | PlanEvent;

export type EventKind = AnyEvent["kind"];

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
] as const satisfies readonly WorkEvent["kind"][];

export const PLAN_EVENT_KINDS = [
  "plan_proposed",
  "plan_approved",
  "plan_rejected",
  "plan_failed",
  "plan_completed",
] as const satisfies readonly PlanEvent["kind"][];

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
  "cycle_started",
  "cycle_completed",
  ...WORK_EVENT_KINDS,
  ...PLAN_EVENT_KINDS,
] as const satisfies readonly EventKind[];

/** Returns the part of a job's id that identifies the event, unique among the events of one commit. */
export function toEventId(event: AnyEvent): string {
  switch (event.kind) {
    case "assigned":
    case "unassigned":
      return `${event.kind}.${event.who}`;
    case "comment_added":
    case "comment_edited":
    case "critical":
      return `${event.kind}.${event.comment}`;
    case "asked":
      return `${event.kind}.${event.question}.${event.reminder}`;
    case "answered":
      return `${event.kind}.${event.question}`;
    case "addressed":
      return `${event.kind}.${encodeURIComponent(event.agent)}.${event.remark}`;
    default:
      return event.kind;
  }
}
