import { actFor, type WorkDeps } from "./acting.ts";
import type { Caller } from "./caller.ts";
import { claimTask } from "./claims.ts";
import { addComment, type NewComment } from "./comment.ts";
import { createTask, type NewTask } from "./create.ts";
import { deliver } from "./deliver.ts";
import type { Handed } from "./deliverable.ts";
import { detailsOf } from "./details.ts";
import { findTask } from "./find.ts";
import { listTasks } from "./list.ts";
import { carryOut, type Plan } from "./plan.ts";
import { answerOf } from "./present.ts";
import { createProject, type NewProject } from "./project.ts";
import { askHuman, type NewQuestion } from "./question.ts";
import { type Report, report } from "./report.ts";
import { type StatusChange, setStatus } from "./status.ts";
import { listAgents } from "./team.ts";
import { startTimer, stopTimer } from "./timer.ts";

/** What can be done to tasks by one caller in one call: tools, commands and tickets are doors to it. */
export type Work = ReturnType<typeof workFor>;

/** Binds the work to a caller. Made anew for each call: its waiting for turns at Plane is counted for that call. */
export function workFor(deps: WorkDeps, caller: Caller, correlation?: string) {
  const acting = actFor(deps, caller, correlation);
  return {
    /** Makes one task; the task as it is then. */
    create: async (given: NewTask & { project: string }) => answerOf(acting, await createTask(acting, given)),
    /** Makes a project with everything it needs. */
    createProject: (given: NewProject) => createProject(acting, given),
    /** Makes a whole plan, or goes on with it. */
    plan: (given: Plan) => carryOut(acting, given),
    /** All agents, what they are good at and what they have to do. */
    team: () => listAgents(acting),
    /** Puts a file on a task as an attachment, with a comment. */
    deliver: (handed: Handed) => deliver(acting, handed),
    /** Brings a task to another status; what is true of it then. */
    setStatus: async (task: string, change: StatusChange) => setStatus(acting, await findTask(acting, task), change),
    /** Comments on a task. */
    comment: async (task: string, given: NewComment) => {
      const found = await findTask(acting, task);
      return { task: found.key, comment: await addComment(acting, found, given), url: found.url };
    },
    /** Asks the human about a task. */
    ask: async (task: string, given: NewQuestion) => {
      const found = await findTask(acting, task);
      return { key: found.key, ...(await askHuman(acting, found, given)) };
    },
    /** Notes on the agent card what its agent reports. */
    report: async (task: string, given: Report) => report(acting, await findTask(acting, task), given),
    /** Starts, or stops, the caller's timer on a task. */
    startTimer: async (task: string) => startTimer(acting, await findTask(acting, task)),
    stopTimer: async (task: string) => stopTimer(acting, await findTask(acting, task)),
    /** The caller's open tasks, the one to go on with first. */
    list: (given: { fresh?: boolean | undefined }) => listTasks(acting, given),
    /** Everything about a task, read from Plane now. */
    details: async (task: string) => detailsOf(acting, await findTask(acting, task)),
    /** Claims a task, named by key or id, for the caller. */
    claim: async (task: string) => {
      const found = await findTask(acting, task);
      return { key: found.key, ...(await claimTask(acting, found)) };
    },
  };
}
