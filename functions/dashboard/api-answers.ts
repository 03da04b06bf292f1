import type { DecisionRecord, RequestedAction } from "../../shared/decision-log/decision-log.ts";
import type { ComponentHealth } from "../../shared/health.ts";
import type { CapacityWarning } from "../../shared/store/capacity.ts";
import type { StoreKey } from "../../shared/store/port.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";
import type { Ms } from "../../shared/time.ts";
import type { BoardCard, BoardColumn } from "./board-cards.ts";

/** What `GET /api/board` answers; the page's script is checked against these types. */
export interface BoardAnswer {
  version: string;
  demo: boolean;
  projects: { identifier: string; name: string }[];
  columns: { name: BoardColumn; total: number; cards: BoardCard[] }[];
  /** Open items beyond those that were looked at. */
  beyond: number;
  /** `store` is present only when it cannot be written or is nearly full. */
  health: { plane: ComponentHealth; telegram?: ComponentHealth; store?: StoreTrouble };
  waiting: { telegram: number; forward: number };
  set_aside: number;
}

/** `error`: the reason of the last failed write. */
export interface StoreTrouble {
  ok: boolean;
  error?: string;
  warnings: CapacityWarning[];
}

/** What `GET /api/why` answers, the newest first; `next` is where older ones begin. */
export interface DecisionLogAnswer {
  rows: DecisionRow[];
  next?: string;
}

export interface DecisionRow extends Omit<DecisionRecord, "record" | "event" | "asked"> {
  id: string;
  /** `name` is the person's whom the event is about. */
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
  /** The notification was not sent, because its subject is muted. */
  | { is: "muted" }
  /** The job is internal work, whose results appear as events of their own. */
  | { is: "passed_on" };

/** What `GET /api/chat` answers, the newest message first. `write`: whether the page may write. */
export interface ChatAnswer {
  messages: ChatMessageAnswer[];
  write: boolean;
  next?: string;
}

/** A message as the people in the chat see it. */
export interface ChatMessageAnswer extends RichText {
  id: string;
  chat: string;
  at: Ms;
  /** It may be there twice, and says so. */
  repeat: boolean;
  /** The person who said it; absent: Groundcrew says it. */
  by?: string;
  /** Rows of what can be pressed under it. */
  buttons?: { text: string; data: string }[][];
  notices: number;
  edits: number;
  editedAt?: Ms;
  /** It can be replied to from the page. */
  reply?: true;
}

/** What `GET /api/agents` answers: how many tokens of each count. `write`: whether they can be replaced. */
export interface AgentsAnswer {
  agents: { name: string; tokens: number }[];
  write: boolean;
}
