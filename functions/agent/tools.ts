import { addComment } from "./add-comment.ts";
import { askHuman } from "./ask-human.ts";
import { claimTask } from "./claim-task.ts";
import { createProject } from "./create-project.ts";
import { createTask } from "./create-task.ts";
import { getTaskDetails } from "./get-task-details.ts";
import { listAgents } from "./list-agents.ts";
import { listMyTasks } from "./list-my-tasks.ts";
import { planProject } from "./plan-project.ts";
import { report } from "./report.ts";
import { startTimer } from "./start-timer.ts";
import { stopTimer } from "./stop-timer.ts";
import type { Tool } from "./tool.ts";
import { updateTaskStatus } from "./update-task-status.ts";
import { uploadDeliverable } from "./upload-deliverable.ts";

/** Everything an agent can do, in the order in which it is shown. Every door serves this list. */
export const TOOLS: readonly Tool[] = [
  listMyTasks,
  getTaskDetails,
  claimTask,
  updateTaskStatus,
  addComment,
  askHuman,
  report,
  startTimer,
  stopTimer,
  uploadDeliverable,
  createTask,
  createProject,
  planProject,
  listAgents,
];
