/**
 * What the page's script shares with the routes besides the types of their answers, which the routes have: the
 * addresses of the views, and tasks and plans as several views show them. This module knows no server.
 */

import type { Priority, Status } from "../../shared/task/snapshot.ts";
import type { PlanRunState } from "../../shared/tasks/plan-record.ts";
import type { Ms } from "../../shared/time.ts";

/** The path of each view, by the name of its section in the page. */
export const VIEW_PATHS = {
  inbox: "/inbox",
  board: "/board",
  team: "/team",
  plan: "/plans",
  schedules: "/schedules",
  tickets: "/tickets",
  why: "/activity",
  chat: "/chat",
  settings: "/settings",
} as const;

export type ViewName = keyof typeof VIEW_PATHS;

/** All addresses, which the server answers with the page. That of a task shows its activity. */
export const PAGE_PATHS = [
  ...["/", ...Object.values(VIEW_PATHS), "/sign-in"],
  ...["/plans/:project", "/tickets/:key", "/task/:key"],
] as const;

/** The types of files that a browser shows as images; every other file is only downloaded, or shown as text. */
export const IMAGE_TYPE = /^image\/(png|jpeg|gif|webp)$/;

export const BOARD_COLUMNS = ["todo", "in_progress", "blocked", "done"] as const;

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
