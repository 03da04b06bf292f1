import type { DecisionRecord, RequestedAction } from "../../shared/decision-log/decision-log.ts";
import type { ComponentHealth } from "../../shared/health.ts";
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
  health: { plane: ComponentHealth; telegram?: ComponentHealth };
  waiting: { telegram: number; forward: number };
  set_aside: number;
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

/** What became of an action. */
export type ActionOutcome =
  /** It waits for its turn, or for Telegram. */
  | { is: "waiting" }
  /** It will be in a message that is there already, with its next edit. */
  | { is: "folded"; message: StoreKey }
  | { is: "delivered"; at: Ms; message?: StoreKey; repeat?: true }
  | { is: "set_aside"; reason: string }
  /** Somebody has muted what it is about. */
  | { is: "muted" }
  /** It is Groundcrew's own work from here on: what comes of it is told where it happens. */
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
