import { z } from "zod";
import { DAY, type Ms } from "../time.ts";
import type { AnyEvent, EventKind } from "./events.ts";
import { PRIORITIES, type Priority, STATUSES } from "./snapshot.ts";

const text = z.string();

/** Data about an event, with names instead of ids, as it is stored with the event and forwarded to other systems. */
export const factsSchema = z.object({
  /** Present for task and work events; project, cycle and plan events have no item. */
  item: z
    .object({
      id: text,
      /** `ONB-12` */
      key: text,
      title: text,
      word: z.enum(STATUSES),
      priority: z.enum(PRIORITIES),
      due: text.nullable(),
      url: text,
      /** Display names. */
      assignees: z.array(text),
      /**
       * The agent the task belongs to: an assignee that is an agent, else a label `agent:<name>`; several are joined by
       * ", ".
       */
      agent: text.exactOptional(),
      labels: z.array(text),
      /** Open blockers. */
      blockers: z.array(z.object({ key: text, title: text })),
      /** Of a task that is done: the time that its agents spent on it, in milliseconds; absent when there is none. */
      timeSpentMs: z.number().exactOptional(),
      /** Of a done task: the cost that its agents reported, in the budget's currency; absent when there is none. */
      cost: z.number().exactOptional(),
      /** What the agent delivered: its summary as plain text, and its first files of `count`. Of `completed` only. */
      result: z
        .object({ text: text.exactOptional(), files: z.array(z.object({ name: text, url: text })), count: z.number() })
        .exactOptional(),
      /** Number of items that depend on this one. */
      dependants: z.number(),
    })
    .exactOptional(),
  /** Absent for an event of a plan whose project does not exist yet. */
  project: z.object({ id: text, identifier: text, name: text, url: text }).exactOptional(),
  cycle: z
    .object({ id: text, name: text, start: text.nullable(), end: text.nullable(), done: z.number(), total: z.number() })
    .exactOptional(),
  /** The tasks of a completed project, and what they took together. Of `project_completed` only. */
  totals: z
    .object({
      done: z.number(),
      cancelled: z.number(),
      timeSpentMs: z.number().exactOptional(),
      cost: z.number().exactOptional(),
    })
    .exactOptional(),
  /** `text` is plain, at most 300 characters. */
  comment: z.object({ id: text, text }).exactOptional(),
  /** The actor of the change; absent when it is unknown. */
  actor: z.object({ id: text, name: text, isAgent: z.boolean() }).exactOptional(),
  /** Plane's time of the change. */
  at: text,
});

type StoredFacts = z.infer<typeof factsSchema>;

/** The facts as the rules see them. They are read before, because rules are pure. */
export interface EventFacts extends Omit<StoredFacts, "item" | "comment"> {
  item?: NonNullable<StoredFacts["item"]> & {
    /** The agents of `agent` as a list. It is not part of the forwarded payload. */
    agents?: string[];
    /**
     * Groundcrew itself blocked the task because of its blockers, so the event `stuck` reports it. It is not part of
     * the forwarded payload.
     */
    blockedByDependency?: true;
  };
  comment?: NonNullable<StoredFacts["comment"]> & {
    /**
     * What the comment says to agents, when a person may have written it; a program's comment has none. It is not part
     * of the forwarded payload. `text`: plain, in lines, at most 1,000 characters; `mentions`: ids of Plane users.
     */
    remark?: { text: string; mentions: string[] };
  };
}

/** Retention of the decision log: 7 days. */
export const DECISION_LOG_MS: Ms = 7 * DAY;

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

/** The rule by which the chat gets what waits for a person, whatever the settings name. */
export const WAITS_FOR_PERSON = "waits for a person";

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
