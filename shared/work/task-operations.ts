import { formatIsoTime, type Ms } from "../time.ts";
import { claimTask } from "./claims/claim-task.ts";
import { addComment, type NewComment } from "./comments/add-comment.ts";
import { createCallContext, type WorkDeps } from "./context/call-context.ts";
import type { Caller } from "./context/caller.ts";
import type { NewDeliverable } from "./deliverables/check-file.ts";
import { deliverFile } from "./deliverables/deliver-file.ts";
import { downloadFile } from "./deliverables/download-file.ts";
import { findAttachment } from "./deliverables/find-attachment.ts";
import { setStatus } from "./lifecycle/set-status.ts";
import type { StatusChange } from "./lifecycle/status-change.ts";
import { messageHuman, type NewMessage } from "./messages/message-human.ts";
import type { NewTask, Plan } from "./plan-runs/plan.ts";
import { createProject, type NewProject } from "./planning/create-project.ts";
import { createTask } from "./planning/create-task.ts";
import { listAgents } from "./planning/list-agents.ts";
import { planProject } from "./planning/plan-project.ts";
import { type TaskChanges, updateTask } from "./planning/update-task.ts";
import { type ProgressReport, reportProgress } from "./progress/report-progress.ts";
import { startTimer, stopTimer } from "./progress/timers.ts";
import { askHuman } from "./questions/ask-human.ts";
import type { NewQuestion } from "./questions/question-content.ts";
import { findTask } from "./tasks/find-task.ts";
import { listProjects } from "./views/list-projects.ts";
import { listTasks } from "./views/list-tasks.ts";
import { searchTasks, type TaskFilters } from "./views/search-tasks.ts";
import { readTaskAnswer } from "./views/task-answer.ts";
import { readTaskDetails } from "./views/task-details.ts";

/** The operations on tasks in one call of one caller; used by tools, commands and tickets. */
export type TaskOperations = ReturnType<typeof createTaskOperations>;

/** Binds the operations to a caller. Create it for each call, because its limit of waiting for Plane is per call. */
export function createTaskOperations(deps: WorkDeps, caller: Caller, correlation?: string) {
  const context = createCallContext(deps, caller, correlation);
  return {
    /** Formats a time as ISO 8601 in TIMEZONE. */
    formatTime: (at: Ms) => formatIsoTime(at, deps.settings.timezone),
    create: async (newTask: NewTask & { project: string }) =>
      readTaskAnswer(context, await createTask(context, newTask)),
    update: async (task: string, changes: TaskChanges) =>
      readTaskAnswer(context, await updateTask(context, await findTask(context, task), changes)),
    createProject: (newProject: NewProject) => createProject(context, newProject),
    /** Starts a plan, or returns how far it is. */
    plan: (plan: Plan) => planProject(context, plan),
    /** Searches the tasks of all agents. */
    search: (filters: TaskFilters) => searchTasks(context, filters),
    /** Lists the projects with their progress. */
    projects: () => listProjects(context),
    team: () => listAgents(context),
    /** Attaches a file to a task, with a comment. */
    deliver: (deliverable: NewDeliverable) => deliverFile(context, deliverable),
    /** Reads a file of a task into the answer. */
    download: (task: string, name: string) => downloadFile(context, task, name),
    /** Finds a file of a task, to stream it. */
    findFile: (task: string, name: string) => findAttachment(context, task, name),
    setStatus: async (task: string, change: StatusChange) => setStatus(context, await findTask(context, task), change),
    comment: async (task: string, newComment: NewComment) => {
      const foundTask = await findTask(context, task);
      return { task: foundTask.key, comment: await addComment(context, foundTask, newComment), url: foundTask.url };
    },
    /** Asks the human about a task. */
    ask: async (task: string, newQuestion: NewQuestion) => {
      const foundTask = await findTask(context, task);
      return { key: foundTask.key, ...(await askHuman(context, foundTask, newQuestion)) };
    },
    /** Sends the human a message about no task, or asks a question. */
    message: (newMessage: NewMessage) => messageHuman(context, newMessage),
    /** Writes the caller's report to the agent card. */
    report: async (task: string, report: ProgressReport) =>
      reportProgress(context, await findTask(context, task), report),
    startTimer: async (task: string) => startTimer(context, await findTask(context, task)),
    stopTimer: async (task: string) => stopTimer(context, await findTask(context, task)),
    /** Lists the caller's open tasks, those to work on next first. */
    list: (options: { fresh?: boolean | undefined }) => listTasks(context, options),
    /** Reads everything about a task from Plane. */
    details: async (task: string) => readTaskDetails(context, await findTask(context, task)),
    /** Claims a task for the caller. */
    claim: async (task: string) => {
      const foundTask = await findTask(context, task);
      return { key: foundTask.key, ...(await claimTask(context, foundTask)) };
    },
  };
}
