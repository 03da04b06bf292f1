import type { Priority } from "../../task/snapshot.ts";

/** What a task is expected to take: minutes of work, and its cost in the budget's currency. */
export interface PlannedEstimate {
  minutes?: number | undefined;
  cost?: number | undefined;
}

/** The input of a new task. */
export interface NewTask {
  title: string;
  /** Markdown. */
  description?: string | undefined;
  /** An agent's name, or a person's e-mail address or display name. */
  assignee?: string | undefined;
  priority?: Priority | undefined;
  /** `YYYY-MM-DD` */
  due_date?: string | undefined;
  /** Keys of its blockers. */
  blocked_by?: readonly string[] | undefined;
  estimate?: PlannedEstimate | undefined;
  /** The name of its cycle and of its module; created when the project has none with that name. */
  cycle?: string | undefined;
  module?: string | undefined;
}

/** A cycle that a plan creates. Without dates it is a draft. */
export interface PlannedCycle {
  name: string;
  /** `YYYY-MM-DD`; either both dates or none. */
  start_date?: string | undefined;
  end_date?: string | undefined;
}

/** A task of a plan. */
export interface PlannedTask extends NewTask {
  /** Identifies the task within the plan. */
  id: string;
  /** Blockers: ids of this plan, or keys of existing tasks. */
  blocked_by?: readonly string[] | undefined;
}

/** A project with its tasks, as an agent plans it. */
export interface Plan {
  /** The identifier or name of an existing project, or the name of a new one. */
  project: string;
  /** The description of a new project. */
  description?: string | undefined;
  identifier?: string | undefined;
  tasks: readonly PlannedTask[];
  /** The dates of cycles that tasks name. */
  cycles?: readonly PlannedCycle[] | undefined;
  /** The id of the wish that the plan is for. */
  wish?: string | undefined;
  dry_run?: boolean | undefined;
}

/** What a plan costs, as far as it can be estimated, and what of the month's budget is left for it. */
export interface PlanCost {
  /** Estimated cost of the tasks that can be estimated, in the budget's currency. */
  estimated: number;
  /** Number of tasks that are not included, because their agents have too little history. */
  unknown: number;
  /** Reported this calendar month, and estimated for open tasks, among them those of this plan that exist already. */
  spent?: number;
  open?: number;
  budget?: number;
  currency?: string;
}
