import type { DecisionRecord, RequestedAction } from "../../shared/decision-log/decision-log.ts";
import type { ComponentHealth } from "../../shared/health.ts";
import type { CapacityWarning } from "../../shared/store/capacity.ts";
import type { StoreKey } from "../../shared/store/port.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";
import type { Ms } from "../../shared/time.ts";
import type { BoardCard, BoardColumn } from "./board-cards.ts";

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

export interface DecisionRow extends Omit<DecisionRecord, "record" | "event" | "asked"> {
  id: string;
  /** `name` is the name of the person whom the event is about. */
  event: DecisionRecord["event"] & { name?: string };
  asked: (Pick<RequestedAction, "rule" | "target"> & { fate: ActionOutcome | undefined })[];
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
  queue: string;
  id: string;
  reason: string;
  at: string;
}

/** The response of `GET /dead-letters`, of each queue the oldest first. */
export interface DeadLettersAnswer {
  dead_letters: FailedJob[];
}

/** The response of `GET /api/agents`. `tokens`: number of active bridge tokens. `write`: whether they can be replaced. */
export interface AgentsAnswer {
  agents: { name: string; tokens: number }[];
  write: boolean;
}
