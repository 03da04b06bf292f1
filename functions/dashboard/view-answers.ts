import type { TicketCost } from "../../shared/tickets/ticket-views.ts";
import type { Ms } from "../../shared/time.ts";
import type { BoardCard } from "./board-cards.ts";

/**
 * The response of `GET /api/plan`: a project's tasks by dependency. Without `project` it only lists the projects to choose from.
 */
export interface PlanGraphAnswer {
  projects: PlanProject[];
  project?: PlanProject;
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

export interface TeamAgent {
  name: string;
  role: "concierge" | "worker";
  /** Persona and strengths, as the settings say. */
  about?: string;
  /** The tasks that it has claimed. */
  holds: TeamTasks;
  /** Its other open tasks: those it could claim now, those that wait, and those that a human reviews. */
  startable: TeamTasks;
  waiting: TeamTasks;
  review: TeamTasks;
  /** The last 14 calendar days, oldest first, today last. */
  days: TeamDay[];
}

/** An agent's figures of one calendar day (`2026-11-22`); `confidence` is absent when no finished task reported one. */
export interface TeamDay {
  day: string;
  tasks: number;
  ms: Ms;
  cost: number;
  confidence?: number;
}

/** The first tasks of a list, the most urgent first; `total` is the number of all. */
export interface TeamTasks {
  total: number;
  cards: BoardCard[];
}
