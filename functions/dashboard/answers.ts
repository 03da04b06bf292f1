/**
 * The answers of the page's routes, as the page's script reads them. This module has types and what both sides
 * compute; it knows no server.
 */

import type { readAgentDays } from "../../shared/accounting/history.ts";
import type { ComponentHealth } from "../../shared/app/deps.ts";
import type { PersonRole } from "../../shared/people/directory.ts";
import type { DecisionRecord, RequestedAction } from "../../shared/records/decision-log.ts";
import type { CapacityWarning, Queue, StoreKey } from "../../shared/store/port.ts";
import type { FirstLook } from "../../shared/sync/details.ts";
import type { SkipReason } from "../../shared/task/rule-set.ts";
import { comparePriorities, type ItemRecord, type Priority, type Status } from "../../shared/task/snapshot.ts";
import type { UploadProgress } from "../../shared/tasks/deliverables/send-file.ts";
import type { Budget } from "../../shared/tasks/forecast.ts";
import type { PlanRunState } from "../../shared/tasks/plan-record.ts";
import type { searchTasks } from "../../shared/tasks/views/search-tasks.ts";
import type { RenderedWhy } from "../../shared/tasks/why.ts";
import type { ChatMessage } from "../../shared/telegram/message-log.ts";
import type { TicketCost } from "../../shared/tickets/ticket-cost.ts";
import type { Ms } from "../../shared/time.ts";

/** The response of `GET /api/board`. The page's script is type-checked against this file. */
export interface BoardAnswer {
  version: string;
  demo: boolean;
  projects: { identifier: string; name: string }[];
  /** Names of the agents. */
  agents: string[];
  /** The viewer is a person who may have tasks of their own (`mine=yes`). */
  has_own: boolean;
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
export interface BoardBudget extends Omit<Budget, "sources"> {
  /** The part of `spent` that the sessions of tickets have cost; absent without any. */
  tickets?: number;
}

/**
 * A plan and how far it is: `project` is the identifier, once the project exists; `done` and `total` count its steps,
 * or its tasks once all steps are done: then it is `working` until the tasks are closed. `reason` says why it was
 * rejected, or why it failed.
 */
export interface BoardPlan {
  id: string;
  title: string;
  project: string | undefined;
  state: PlanRunState | "working";
  done: number;
  total: number;
  unit: "steps" | "tasks";
  reason: string | undefined;
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
  /** The agent's session or run, with the entries of one task. */
  session?: string;
}

export interface DecisionRow extends Omit<DecisionRecord, "record" | "event" | "actions" | "skipped"> {
  id: string;
  /** What happens with the task now, or why nothing does: in the newest row of an open task. */
  now?: RenderedWhy;
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

/** The response of `GET /api/tasks/:key/why`: why nothing happens with a task, or what does. */
export type WhyAnswer = { key: string } & RenderedWhy;

/** The response of `GET /api/tasks`, a search of all tasks: the first of them, and the number of all. */
export type FoundTasksAnswer = Awaited<ReturnType<typeof searchTasks>>;

/** The response of `GET /api/idle-tasks`: open tasks with which nothing happens, those with a remedy first. */
export interface IdleTasksAnswer {
  tasks: ({ key: string; title: string; project: string } & RenderedWhy)[];
  /** Number of all idle tasks; at most 200 are listed. */
  total: number;
}

/** The response of `GET /api/chat`, newest first. `write`: whether the page may write to the chat. */
export interface ChatAnswer {
  messages: ChatMessageAnswer[];
  write: boolean;
  next?: string;
}

/** A message as Telegram shows it in the chat. */
export interface ChatMessageAnswer extends Omit<ChatMessage, "messageId" | "history"> {
  id: string;
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

/** The response of `GET /api/session`: who is signed in, "admin" with ADMIN_TOKEN. */
export interface SessionAnswer {
  name: string;
  email?: string;
  role: PersonRole;
}

/** The response of `GET /api/sign-ins`: the open sessions of the page, the one that was used last first. */
export interface SignInsAnswer {
  sign_ins: (SessionAnswer & {
    id: string;
    address: string;
    browser: string;
    at: string;
    used_at: string;
    /** The session of the request itself. */
    current?: true;
  })[];
}

/**
 * The response of `GET /api/plan`: a project's tasks by dependency. Without `project` it only lists the projects to choose from.
 */
export interface PlanGraphAnswer {
  projects: PlanProject[];
  project?: PlanProject;
  /** The plan that was asked for by its id. */
  plan?: BoardPlan;
  /** The tasks that wait for others or that others wait for, by layer and position. */
  tasks: PlanTask[];
  lines: PlanLine[];
  /** Number of layers, and the height in units of a task's height. */
  layers: number;
  height: number;
  /** Open and finished tasks without dependencies, the most urgent first. */
  independent: PlanTask[];
  /** Numbers of what is not in the answer; `dependencies` are those without a line. */
  left_out: { open: number; finished: number; dependencies: number };
  /** Number of tasks whose dependencies were not read from Plane yet. */
  unread: number;
  forecast: PlanForecast;
  /** ISO 4217 code of the costs; absent when no budget is set. */
  currency?: string;
  /** Store time of the answer. */
  at: Ms;
}

export interface PlanProject {
  identifier: string;
  name: string;
  /** Number of all tasks, and of those that are done or cancelled. */
  total: number;
  closed: number;
}

export interface PlanTask {
  card: BoardCard;
  layer: number;
  /** Vertical centre in units of a task's height. */
  y: number;
  /** Estimated work that is left; absent when it is unknown, or when the task is closed. */
  ms?: Ms;
  /** On the critical path. */
  critical?: true;
  /** On a dependency cycle. */
  cycle?: true;
}

/** A dependency: `to` waits for `from`. `via` are the points between, as layer and vertical centre. */
export interface PlanLine {
  from: string;
  to: string;
  via: [layer: number, y: number][];
  critical?: true;
  /** It closes a cycle. */
  cycle?: true;
}

/** What is left to do. Sums contain only what can be estimated. */
export interface PlanForecast {
  /** Number of open tasks, and of those whose time cannot be estimated. */
  open: number;
  unknown: number;
  ms?: Ms;
  cost?: number;
  /** The chain of dependent tasks with the most work; no tasks without dependencies. */
  path: { tasks: number; unknown: number; ms: Ms };
  /** Time until the end if all agents work without a break, each on one task at a time. */
  earliest_ms?: Ms;
}

/** The response of `GET /api/team`, in the order of the settings. */
export interface TeamAnswer {
  agents: TeamAgent[];
  /** ISO 4217 code of the costs; absent when no budget is set. */
  currency?: string;
  /** Cost of the sessions of tickets, in US dollars, of this month and of the last 14 days; absent without tickets. */
  tickets?: TicketCost;
}

/** An agent with its open tasks: of each list the most urgent first, and the number of all. */
export interface TeamAgent extends Record<TeamQueue, { total: number; cards: BoardCard[] }> {
  name: string;
  role: "concierge" | "worker";
  /** Persona and strengths, as the settings say. */
  about?: string;
  /** The last 14 calendar days, oldest first, today last. */
  days: Awaited<ReturnType<typeof readAgentDays>>;
}

/** The tasks that an agent has claimed, those that it could claim now, those that wait, and those that a human reviews. */
export type TeamQueue = "holds" | "startable" | "waiting" | "review";

/** A column of the board. */
export type BoardColumn = (typeof BOARD_COLUMNS)[number];

/** A work item on the board, with names instead of the store's ids. */
export interface BoardCard {
  id: string;
  key: string;
  title: string;
  project: string;
  column: BoardColumn;
  word: Status;
  priority: Priority;
  due: string | null;
  /** The assigned agents; absent when no agent is assigned. */
  agent?: string;
  /** The claim of the agent that works on it, in store times; it ends at `until` unless renewed. */
  held?: { by: string; since: Ms; until: Ms };
  /** The task is finished and awaits a human's review. */
  review?: true;
  /** Number of remarks of people that its agents have not read. */
  unread?: number;
  assignees: string[];
  labels: string[];
  blockers: { id: string; key: string; title: string }[];
  url: string;
  /** Plane's time of completion; for an open item, of its last change. */
  at: string;
}

/**
 * Where a rule comes from: `settings`, an entry of the settings file; `default`, one of the default notification rules;
 * `always`, a rule of Groundcrew itself that no setting changes.
 */
export type RuleBasis = "settings" | "default" | "always";

/** The types of files that a browser shows as images; every other file is only downloaded, or shown as text. */
export const IMAGE_TYPE = /^image\/(png|jpeg|gif|webp)$/;

export const BOARD_COLUMNS = ["todo", "in_progress", "blocked", "done"] as const;

/** The column of an item: it is blocked by its state or by an open blocker. */
export function toBoardColumn({ snapshot, blockers }: ItemRecord): BoardColumn {
  const { status } = snapshot;
  if (status === "done" || status === "cancelled") return "done";
  return blockers.length > 0 ? "blocked" : status;
}

/** Sorts cards by priority, due date and age; done cards by completion, latest first. */
export function compareCards(a: BoardCard, b: BoardCard): number {
  if (a.column === "done" && b.column === "done") return compareText(b.at, a.at);
  return (
    comparePriorities(a, b) ||
    compareText(a.due ?? "9", b.due ?? "9") ||
    compareText(a.at, b.at) ||
    compareText(a.id, b.id)
  );
}

/** Compares by code units, the same in every language. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
