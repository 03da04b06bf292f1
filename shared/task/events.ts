import type { Priority, Status } from "./snapshot.ts";

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
   * reassigned, or people changed its status.
   */
  | { kind: "claim_lost"; agent: string; why: "expired" | "reassigned" | "moved"; since: string; minutes?: number }
  /** The agent finished with less confidence than required, so a human reviews the task (OPENCLAW-12). */
  | { kind: "review"; agent: string; confidence: number; text: string }
  /** The reviewer sent the task back: the agent continues it. */
  | { kind: "sent_back"; agent: string; by: string | null; reason: string | null }
  /** The task was blocked because a task it depends on was cancelled or blocked (OPENCLAW-14). */
  | { kind: "stuck"; blocker: string; why: "cancelled" | "blocked" }
  /** A dependency cycle. `path` holds the task keys; the first key is repeated at the end. */
  | { kind: "circle"; path: string[] }
  /** A permanent error prevented an operation that an agent requested (OPENCLAW-15). */
  | { kind: "failed"; agent: string; text: string };

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
  /** The plan cannot be completed; `text` is the reason. */
  | { kind: "plan_failed"; plan: string; agent: string; title: string; text: string }
  /** All tasks of the plan are closed. */
  | { kind: "plan_completed"; plan: string; agent: string; title: string; tasks: number };

export type Urgency = "low" | "normal" | "high";

export type AnyEvent = TaskEvent | ProjectEvent | CycleEvent | WorkEvent | PlanEvent;

export type EventKind = AnyEvent["kind"];

export const WORK_EVENT_KINDS = [
  "asked",
  "answered",
  "critical",
  "claim_lost",
  "review",
  "sent_back",
  "stuck",
  "circle",
  "failed",
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
    default:
      return event.kind;
  }
}

/** Data about an event, with names instead of ids. It is read before the rules run, because rules are pure. */
export interface EventFacts {
  /** Present for task and work events; project, cycle and plan events have no item. */
  item?: {
    id: string;
    /** `ONB-12` */
    key: string;
    title: string;
    word: Status;
    priority: Priority;
    due: string | null;
    url: string;
    /** Display names. */
    assignees: string[];
    /**
     * The agent the task belongs to: an assignee that is an agent, else a label `agent:<name>`; several are joined by
     * ", ".
     */
    agent?: string;
    /** The same agents as a list. It is not part of the forwarded payload. */
    agents?: string[];
    labels: string[];
    /** Open blockers. */
    blockers: { key: string; title: string }[];
    /**
     * Groundcrew itself blocked the task because of its blockers, so the event `stuck` reports it. It is not part of the
     * forwarded payload.
     */
    blockedByDependency?: true;
    /** Milliseconds from start to completion by Plane's clock; absent when the start was not observed. */
    timeSpentMs?: number;
    /** Number of items that depend on this one. */
    dependants: number;
  };
  /** Absent for an event of a plan whose project does not exist yet. */
  project?: { id: string; identifier: string; name: string; url: string };
  cycle?: { id: string; name: string; start: string | null; end: string | null; done: number; total: number };
  comment?: { id: string /** Plain text, at most 300 characters. */; text: string };
  /** The actor of the change; absent when it is unknown. */
  actor?: { id: string; name: string; isAgent: boolean };
  /** Plane's time of the change. */
  at: string;
}

/**
 * Returns the project that an event is about, for people. A plan's project that does not exist yet has a name only: its
 * other fields are "".
 */
export function getEventProject(
  event: AnyEvent,
  { project }: EventFacts,
): Omit<NonNullable<EventFacts["project"]>, "id"> {
  return project ?? { identifier: "", name: "title" in event ? event.title : "", url: "" };
}

/** A rule's reaction to an event. It becomes the job `key:rev:event:target` in the same commit as the snapshot. */
export interface RuleAction {
  /** The recipient, for example `telegram:-100123` or `forward:https://example.com/hook`. Part of the job's id. */
  target: string;
  queue: "outbox" | "forward" | "work" | "wake";
  lane: string;
  /** The job's body in the schema of its queue; `shared/jobs` has a function for each. */
  body: object;
  /** The rule that matched, for the log and the page. */
  rule: string;
}

/** An event with its facts. Texts are rendered later, when the job is handled. */
export interface ActionBody {
  event: AnyEvent;
  facts: EventFacts;
  correlation: string;
}

/** The reason why a rule set does nothing about an event, or does nothing for one recipient. */
export interface SkipReason {
  consumer: string;
  /**
   * `no_rule`: no rule matched. `muted`: a rule suppresses the event. `not_set_up`: a rule matched, but its recipient
   * is not configured. `polls`: the agent concerned polls for its tasks and is not woken. `other_event`: another event
   * reports the same.
   */
  why: "no_rule" | "muted" | "not_set_up" | "polls" | "other_event";
  /** The rule that suppresses the event, or the rule whose recipient is not configured. */
  rule?: string;
}

/** The rules of one part of the product. All its functions are pure. */
export interface RuleSet {
  name: string;
  /** Its actions only synchronize state and send no notification, so the decision log omits them. */
  isInternal?: true;
  /** Whether `facts.actor` is needed, so that it is read from Plane when the webhook does not contain it. */
  needsActor(event: AnyEvent): boolean;
  /** @param itemRev the item's revision before the change; undefined when the event comes from another record */
  decide(event: AnyEvent, facts: EventFacts, correlation: string, itemRev?: number): RuleAction[];
  /**
   * Whether events of this kind could cause an action for an item of this project (its identifier) and priority, so
   * that they are looked for first. Default: true.
   */
  canMatch?(kind: EventKind, item: { project: string; priority: Priority }): boolean;
  /** Returns the reasons for actions that `decide` did not take, for the decision log. */
  explainSkips?(event: AnyEvent, facts: EventFacts): SkipReason[];
}
