import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { readAllRows } from "../../../shared/store/scan-set.ts";
import { readCard } from "../../../shared/work/card/card-record.ts";
import { workSets } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview } from "../../../shared/work/lifecycle/review-record.ts";
import type { PlanRun } from "../../../shared/work/plan-runs/plan-run.ts";
import type { KeptQuestion } from "../../../shared/work/questions/question-record.ts";
import { findOpenTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import type { DigestDeps } from "./completed-tasks.ts";

/** A request of an agent that waits for a human. */
interface PendingRequest {
  agent: string;
  /** Store time at which the agent asked. */
  at: number;
}

export interface PendingReview extends PendingRequest {
  task: Task;
  confidence?: number;
}

export interface PendingQuestion extends PendingRequest {
  /** Absent for a question about no task. */
  task?: Task;
  text: string;
}

export interface PendingPlan extends PendingRequest {
  /** The project's name, as planned. */
  title: string;
  /** Number of its tasks. */
  tasks: number;
}

/** Reads the reviews that nobody has decided yet, oldest first. */
export async function readPendingReviews(deps: DigestDeps): Promise<PendingReview[]> {
  const requests: PendingReview[] = [];
  for (const { value } of await readAllRows<KeptReview>(deps, workSets.reviews)) {
    const task = value.verdict ? undefined : await findOpenTask(deps, value.item);
    if (!task) continue;
    const confidence = (await readCard(deps, value.item))?.review?.confidence;
    requests.push({ task, agent: value.agent, at: value.at, ...omitUndefined({ confidence }) });
  }
  return requests.sort((a, b) => a.at - b.at);
}

/** Reads the plans that wait for approval, oldest first. */
export async function readPendingPlans(deps: DigestDeps): Promise<PendingPlan[]> {
  const runs = (await readAllRows<PlanRun>(deps, workSets.unfinishedPlanRuns)).map(({ value }) => value);
  return runs
    .filter(({ state }) => state === "awaiting_approval")
    .map(({ agent, plan, at }) => ({ agent, at, title: plan.project, tasks: plan.tasks.length }))
    .sort((a, b) => a.at - b.at);
}

/** Reads the unanswered questions about open tasks and about no task, oldest first. */
export async function readPendingQuestions(deps: DigestDeps): Promise<PendingQuestion[]> {
  const requests: PendingQuestion[] = [];
  for (const { value } of await readAllRows<KeptQuestion>(deps, workSets.questions)) {
    const { item, agent, text, asked: askedAt, answer, closed: closedAt } = value;
    if (answer || closedAt !== undefined) continue;
    const task = item === undefined ? undefined : await findOpenTask(deps, item);
    if (item === undefined || task) requests.push({ agent, text, at: askedAt, ...omitUndefined({ task }) });
  }
  return requests.sort((a, b) => a.at - b.at);
}
