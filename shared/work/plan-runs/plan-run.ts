import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Put } from "../../store/port.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Plan, PlanCost } from "./plan.ts";

/**
 * `awaiting_approval`: a person has to approve it. `running`: its steps are carried out. `done`: everything exists in
 * Plane. `rejected`: a person declined it. `failed`: a step cannot be carried out; the same call tries again.
 */
export type PlanRunState = "awaiting_approval" | "running" | "done" | "rejected" | "failed";

/** A plan that Groundcrew carries out, and how far it is. The progress of its tasks is stored by project. */
export interface PlanRun {
  id: string;
  plan: Plan;
  /** SHA-256 of the plan as it was proposed; an approval must name it. */
  hash: string;
  /** The agent that made the plan, in whose name it is carried out. */
  agent: string;
  /** The id of the wish that the plan is for. */
  wish?: string;
  state: PlanRunState;
  /** Store time at which this plan was proposed or started. */
  at: Ms;
  /** The person who approved it; absent for a plan that needed no approval. */
  approvedBy?: string;
  /** Why it was rejected, or why it failed. */
  reason?: string;
  /** What its check found when it was proposed, which people are shown with it. */
  checked?: { warnings: string[]; cost: PlanCost };
  /** Problems that did not end it, such as an assignee whom Plane does not accept. */
  warnings?: string[];
  /** Plane's id of its project, once it exists. */
  project?: string;
  /** The project was created for this plan, so none of its tasks are visible before the plan is done. */
  isNewProject?: true;
  /** Names of the planned tasks that were complete before this run, so that agents may be working on them. */
  complete: string[];
  /** Number of starts, which makes each start's job unique. */
  starts: number;
  /** Store time of its end: done, rejected or failed. */
  endedAt?: Ms;
  /** Plane's ids of all its tasks, once it is done. */
  items?: string[];
  /** All its tasks were closed, and `plan_completed` was published. */
  completed?: true;
}

/** Retention of a run that has ended and waits for nothing: 30 days, as long as the progress of its tasks. */
const ENDED_MS: Ms = 30 * DAY;
/** Retention of a finished plan with open tasks: 365 days, so that abandoned projects do not collect records. */
const OPEN_TASKS_MS: Ms = 365 * DAY;

/**
 * The id of a plan's run. A wish has one run, whatever is planned for it, so it cannot get two plans. Without a wish,
 * the same plan of the same agent is the same run.
 */
export async function getPlanRunId(agent: string, hash: string, wish: string | undefined): Promise<string> {
  return (await sha256Hex(JSON.stringify(wish === undefined ? ["plan", agent, hash] : ["wish", wish]))).slice(0, 16);
}

/** The hash of everything in a plan that a person is shown or that is created: 32 characters of its SHA-256. */
export async function hashPlan({ project, description, identifier, tasks, cycles }: Plan): Promise<string> {
  const content = {
    project: project.trim(),
    description,
    identifier,
    tasks: tasks.map(sortFields),
    cycles: cycles?.map(sortFields),
  };
  return (await sha256Hex(JSON.stringify(content))).slice(0, 32);
}

/** Two calls with the same fields in another order are the same plan. */
function sortFields(fields: object): object {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Starts a run: also one that was rejected or failed, and then is carried out from where it stopped. */
export function startRun({ reason: _, endedAt: __, ...run }: PlanRun, approvedBy?: string): PlanRun {
  return { ...run, state: "running", starts: run.starts + 1, ...omitUndefined({ approvedBy }) };
}

/** Ends a run because a step cannot be carried out. */
export function failRun(run: PlanRun, reason: string, now: Ms): PlanRun {
  return { ...run, state: "failed", reason, endedAt: now };
}

/** Ends a run because a person declined the plan. */
export function rejectRun(run: PlanRun, reason: string | undefined, now: Ms): PlanRun {
  return { ...run, state: "rejected", endedAt: now, ...omitUndefined({ reason }) };
}

/**
 * Ends a run because everything exists. `items` are Plane's ids of its tasks, whose texts are not needed any more. A run
 * that found everything complete reports no completion.
 */
export function finishRun(run: PlanRun, items: string[], now: Ms): PlanRun {
  const tasks = run.plan.tasks.map(({ description: _, ...task }) => task);
  const hadNothingToDo = run.complete.length === tasks.length;
  return {
    ...run,
    plan: { ...run.plan, tasks },
    state: "done",
    items,
    endedAt: now,
    ...omitUndefined({ completed: hadNothingToDo ? (true as const) : undefined }),
  };
}

/** Converts a run to its stored record with its sets. */
export function toPlanRunPut(run: PlanRun): Put {
  const key = workKeys.planRun(run.id);
  const { planRuns, unfinishedPlanRuns, planRunsOf } = workSets;
  switch (run.state) {
    case "awaiting_approval":
    case "running":
      return { key, value: run, sets: [planRuns, unfinishedPlanRuns] };
    case "failed":
      return { key, value: run, sets: [planRuns, unfinishedPlanRuns], expires: ENDED_MS };
    case "rejected":
      return { key, value: run, sets: [planRuns], expires: ENDED_MS };
    case "done": {
      const isOpen = run.project !== undefined && run.completed === undefined;
      const sets = isOpen ? [planRuns, planRunsOf(run.project ?? "")] : [planRuns];
      return { key, value: run, sets, expires: isOpen ? OPEN_TASKS_MS : ENDED_MS };
    }
  }
}

/** Finds the run of a plan by its id. */
export async function findPlanRun(deps: Pick<WorkDeps, "store">, id: string): Promise<PlanRun | undefined> {
  const [kept] = await deps.store.read<PlanRun>([workKeys.planRun(id)]);
  return kept?.value;
}
