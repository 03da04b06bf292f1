import { claimTask } from "./claims/claims.ts";
import { addComment, type NewComment } from "./comments/add-comment.ts";
import { createCallContext, type WorkDeps } from "./context/call-context.ts";
import type { Caller } from "./context/caller.ts";
import type { NewDeliverable } from "./deliverables/check-file.ts";
import { deliverFile } from "./deliverables/deliver-file.ts";
import { type StatusChange, setStatus } from "./lifecycle/set-status.ts";
import { createProject, type NewProject } from "./planning/create-project.ts";
import { createTask, type NewTask } from "./planning/create-task.ts";
import { executePlan, type Plan } from "./planning/execute-plan.ts";
import { listAgents } from "./planning/list-agents.ts";
import { type ProgressReport, reportProgress } from "./progress/report-progress.ts";
import { startTimer, stopTimer } from "./progress/timers.ts";
import { askHuman, type NewQuestion } from "./questions/questions.ts";
import { findTask } from "./tasks/find-task.ts";
import { listTasks } from "./views/list-tasks.ts";
import { readTaskAnswer } from "./views/task-answer.ts";
import { readTaskDetails } from "./views/task-details.ts";

/** What can be done to tasks by one caller in one call: tools, commands and tickets are doors to it. */
export type TaskOperations = ReturnType<typeof createTaskOperations>;

/** Binds the work to a caller. Made anew for each call: its waiting for turns at Plane is counted for that call. */
export function createTaskOperations(deps: WorkDeps, caller: Caller, correlation?: string) {
  const context = createCallContext(deps, caller, correlation);
  return {
    /** Makes one task; the task as it is then. */
    create: async (given: NewTask & { project: string }) => readTaskAnswer(context, await createTask(context, given)),
    /** Makes a project with everything it needs. */
    createProject: (given: NewProject) => createProject(context, given),
    /** Makes a whole plan, or goes on with it. */
    plan: (given: Plan) => executePlan(context, given),
    /** All agents, what they are good at and what they have to do. */
    team: () => listAgents(context),
    /** Puts a file on a task as an attachment, with a comment. */
    deliver: (deliverable: NewDeliverable) => deliverFile(context, deliverable),
    /** Brings a task to another status; what is true of it then. */
    setStatus: async (task: string, change: StatusChange) => setStatus(context, await findTask(context, task), change),
    /** Comments on a task. */
    comment: async (task: string, given: NewComment) => {
      const foundTask = await findTask(context, task);
      return { task: foundTask.key, comment: await addComment(context, foundTask, given), url: foundTask.url };
    },
    /** Asks the human about a task. */
    ask: async (task: string, given: NewQuestion) => {
      const foundTask = await findTask(context, task);
      return { key: foundTask.key, ...(await askHuman(context, foundTask, given)) };
    },
    /** Notes on the agent card what its agent reports. */
    report: async (task: string, given: ProgressReport) =>
      reportProgress(context, await findTask(context, task), given),
    /** Starts, or stops, the caller's timer on a task. */
    startTimer: async (task: string) => startTimer(context, await findTask(context, task)),
    stopTimer: async (task: string) => stopTimer(context, await findTask(context, task)),
    /** The caller's open tasks, the one to go on with first. */
    list: (given: { fresh?: boolean | undefined }) => listTasks(context, given),
    /** Everything about a task, read from Plane now. */
    details: async (task: string) => readTaskDetails(context, await findTask(context, task)),
    /** Claims a task, named by key or id, for the caller. */
    claim: async (task: string) => {
      const foundTask = await findTask(context, task);
      return { key: foundTask.key, ...(await claimTask(context, foundTask)) };
    },
  };
}
