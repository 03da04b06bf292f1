import type { DecisionRecord, RequestedAction } from "../../shared/decision-log/decision-log.ts";
import type { ComponentHealth, FirstLook } from "../../shared/health.ts";
import type { CapacityWarning } from "../../shared/store/capacity.ts";
import type { Queue } from "../../shared/store/job-operations.ts";
import type { StoreKey } from "../../shared/store/port.ts";
import type { SkipReason } from "../../shared/task/rule-set.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";
import type { Ms } from "../../shared/time.ts";
import type { UploadProgress } from "../../shared/work/deliverables/running-upload.ts";
import type { BoardCard, BoardColumn } from "./board-cards.ts";
import type { RuleBasis } from "./rule-basis.ts";

/** The response of `GET /api/board`. The page's script is type-checked against this file. */
export interface BoardAnswer {
  version: string;
  demo: boolean;
  projects: { identifier: string; name: string }[];
  columns: { name: BoardColumn; total: number; cards: BoardCard[] }[];
  /** Plans that are not complete, and those that have ended today, newest first. */
  plans: BoardPlan[];
  /** Number of open items beyond the limit of items that are read. */
  beyond: number;
  /** `store` is present only when it cannot be written or is nearly full. */
  health: { plane: ComponentHealth; telegram?: ComponentHealth; store?: StoreTrouble };
  waiting: { telegram: number; forward: number };
  set_aside: number;
  /** The budget of the month; absent when none is set. */
  budget?: BoardBudget;
  /** Number of tickets that wait for an approval; absent without tickets. */
  tickets?: { pending: number };
  /** How far the first look at Plane is; absent when it is complete. */
  first_look?: FirstLook;
  /** Uploads of deliverables that have taken longer than a second, oldest first. */
  uploads: UploadProgress[];
}

/** The budget of a calendar month: what is spent, and what open tasks are expected to cost. */
export interface BoardBudget {
  /** `2026-11` */
  month: string;
  spent: number;
  /** The part of `spent` that the sessions of tickets have cost; absent without any. */
  tickets?: number;
  open: number;
  /** Number of open tasks whose cost nothing tells. */
  unknown: number;
  amount: number;
  currency: string;
  /** `(spent + open) / amount` */
  share: number;
}

/** A plan and how far it is; `project` is the identifier, once the project exists. */
export interface BoardPlan {
  id: string;
  title: string;
  project?: string;
  state: "awaiting_approval" | "running" | "done" | "rejected" | "failed";
  /** Steps that are done, and all steps. */
  done: number;
  total: number;
  /** Why it was rejected, or why it failed. */
  reason?: string;
}

/** `error`: the reason of the last failed write. */
export interface StoreTrouble {
  ok: boolean;
  error?: string;
  warnings: CapacityWarning[];
}

/** The response of `GET /api/why`, newest first; `next` is the cursor of older rows. */
export interface DecisionLogAnswer {
  rows: DecisionRow[];
  next?: string;
}

export interface DecisionRow extends Omit<DecisionRecord, "record" | "event" | "asked" | "held"> {
  id: string;
  /** `name` is the name of the person whom the event is about. */
  event: DecisionRecord["event"] & { name?: string };
  asked: DecidedAction[];
  /** `basis` is present where a rule is named that suppressed the event, or whose recipient is not configured. */
  held: (SkipReason & { basis?: RuleBasis })[];
}

/** What Groundcrew did about an event. `to`: the chat, the host of the other system, or the agent's name. */
export interface DecidedAction extends Pick<RequestedAction, "rule" | "target" | "queue"> {
  to: string;
  basis: RuleBasis;
  fate: ActionOutcome | undefined;
}

/** The result of a requested action. */
export type ActionOutcome =
  /** The job waits in its queue, or for Telegram. */
  | { is: "waiting" }
  /** The next edit of an existing message will include it. */
  | { is: "folded"; message: StoreKey }
  | { is: "delivered"; at: Ms; message?: StoreKey; repeat?: true }
  | { is: "set_aside"; reason: string }
  /** The job failed, and a person discarded it. */
  | { is: "discarded"; at: Ms }
  /** The notification was not sent, because its subject is muted. */
  | { is: "muted" }
  /** The event was part of the agent's next wake. */
  | { is: "woken" }
  /** The job is internal work, whose results appear as separate events. */
  | { is: "passed_on" };

/** The response of `GET /api/chat`, newest first. `write`: whether the page may write to the chat. */
export interface ChatAnswer {
  messages: ChatMessageAnswer[];
  write: boolean;
  next?: string;
}

/** A message as Telegram shows it in the chat. */
export interface ChatMessageAnswer extends RichText {
  id: string;
  chat: string;
  at: Ms;
  /** The message may be in the chat twice, and its text says so. */
  repeat: boolean;
  /** The person who wrote the message; absent for Groundcrew's messages. */
  by?: string;
  /** Rows of buttons under the message. */
  buttons?: { text: string; data: string }[][];
  notices: number;
  edits: number;
  editedAt?: Ms;
  /** The page can reply to the message. */
  reply?: true;
}

/** A job that failed permanently; `at` in ISO 8601. */
export interface FailedJob {
  queue: Queue;
  id: string;
  reason: string;
  at: string;
  /** Key of the task that the job is about, such as `ONB-12`. */
  task?: string;
}

/** The response of `GET /dead-letters`, of each queue the oldest first. */
export interface DeadLettersAnswer {
  dead_letters: FailedJob[];
}

/**
 * The response of `GET /api/agents`. `tokens`: number of active bridge tokens. `write`: whether they can be replaced;
 * `path` then is the file of each agent's current token on the server, with `<agent>` in it.
 */
export interface AgentsAnswer {
  agents: { name: string; tokens: number }[];
  write: boolean;
  path?: string;
}
