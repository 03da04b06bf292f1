import type { Priority, Status } from "./snapshot.ts";

/** What can have happened to a work item between two snapshots. */
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

export type ProjectEvent = { kind: "project_created" } | { kind: "project_completed" };

export type CycleEvent = { kind: "cycle_started" } | { kind: "cycle_completed" };

/**
 * What no snapshot can show: what is done through the bridge and addressed to somebody. `agent` is the settings' name
 * of the agent it is about.
 */
export type WorkEvent =
  /** An agent's question to the human; `reminder` 0 is the question itself, 1 and 2 are its repetitions. */
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
  /** A comment the agent marked critical. */
  | { kind: "critical"; comment: string; agent: string; text: string }
  /** The agent lost its claim: it ran out, or the task was given to somebody else or moved by people. */
  | { kind: "claim_lost"; agent: string; why: "expired" | "reassigned" | "moved"; since: string }
  /** Finished with less confidence than asked for: a human looks at it (OPENCLAW-12). */
  | { kind: "review"; agent: string; confidence: number; text: string }
  /** A review found it wanting: the agent goes on with it. */
  | { kind: "sent_back"; agent: string; by: string | null; reason: string | null }
  /** The task waits for one that was cancelled or blocked, and was blocked for it (OPENCLAW-14). */
  | { kind: "stuck"; blocker: string; why: "cancelled" | "blocked" }
  /** People made tasks wait for each other in a circle; keys, the first one once more at the end. */
  | { kind: "circle"; path: string[] }
  /** A permanent error kept the bridge from doing what an agent asked for (OPENCLAW-15). */
  | { kind: "failed"; agent: string; text: string };

export type Urgency = "low" | "normal" | "high";

export type AnyEvent = TaskEvent | ProjectEvent | CycleEvent | WorkEvent;

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
] as const satisfies readonly EventKind[];

/** The part of an action's id that names the event: one per event of one commit. */
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

/** What a rule may know besides the event, in names people read; gathered before the decision. */
export interface EventFacts {
  /** `task` events carry the item; project and cycle events only the project (and the cycle). */
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
    /** The agent the task belongs to: an assignee that is an agent, else a label `agent:<name>`. Several are one text. */
    agent?: string;
    /** The same, one by one. Other systems are not sent it. */
    agents?: string[];
    labels: string[];
    /** Open blockers. */
    blockers: { key: string; title: string }[];
    /** From started to completed, by Plane's clock; absent when the start was not seen. */
    timeSpentMs?: number;
    /** How many items wait for this one. */
    dependants: number;
  };
  project: { id: string; identifier: string; name: string; url: string };
  cycle?: { id: string; name: string; start: string | null; end: string | null; done: number; total: number };
  comment?: { id: string /** Plain text, at most 300 characters. */; text: string };
  /** Who did it, when it is known: `someone` is said by leaving it out. */
  actor?: { id: string; name: string; isAgent: boolean };
  /** Plane's time of the change. */
  at: string;
}

/** What to do about an event: becomes the job `key:rev:event:target` in the same commit as the snapshot. */
export interface RuleAction {
  /** Where it goes, for example `telegram:-100123` or `forward:0`. Part of the job's id. */
  target: string;
  queue: "outbox" | "forward" | "work" | "wake";
  lane: string;
  /** JSON in the form of its queue; `shared/jobs` has a builder for each. */
  body: object;
  /** The rule that decided, for the log and the page. */
  rule: string;
}

/** What an action is about: the event with its facts, still data, not text. */
export interface ActionBody {
  event: AnyEvent;
  facts: EventFacts;
  correlation: string;
}

/** Why a consumer does nothing about an event, or nothing in one place. */
export interface SkipReason {
  consumer: string;
  /** No rule asks for it; a rule silences it; a rule asks for it, and where it would go is not set up; whom it concerns polls. */
  why: "no_rule" | "muted" | "not_set_up" | "polls";
  /** The rule that silences it, or the one that asks in vain. */
  rule?: string;
}

/** A consumer's rule list: pure. `needsActor` says whether `facts.actor` must be read when the hint does not tell. */
export interface RuleSet {
  name: string;
  /** Its actions keep things in step and tell nobody anything: the decision log leaves them out. */
  isInternal?: true;
  needsActor(event: AnyEvent): boolean;
  /** @param itemRev the item's revision from which the event led on; undefined when the event comes from another record */
  decide(event: AnyEvent, facts: EventFacts, correlation: string, itemRev?: number): RuleAction[];
  /** What `decide` leaves out, and why: for the trail. Absent: it has nothing to say about that. */
  explainSkips?(event: AnyEvent, facts: EventFacts): SkipReason[];
}
