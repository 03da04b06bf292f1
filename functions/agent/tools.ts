import { addCommentTool } from "./add-comment.ts";
import { askHumanTool } from "./ask-human.ts";
import { claimTaskTool } from "./claim-task.ts";
import { createProjectTool } from "./create-project.ts";
import { createTaskTool } from "./create-task.ts";
import { downloadDeliverableTool } from "./download-deliverable.ts";
import { getTaskDetailsTool } from "./get-task-details.ts";
import { listAgentsTool } from "./list-agents.ts";
import { listMyTasksTool } from "./list-my-tasks.ts";
import { listProjectsTool } from "./list-projects.ts";
import { listTasksTool } from "./list-tasks.ts";
import { messageHumanTool } from "./message-human.ts";
import { planProjectTool } from "./plan-project.ts";
import { reportTool } from "./report.ts";
import { startTimerTool } from "./start-timer.ts";
import { stopTimerTool } from "./stop-timer.ts";
import type { Tool } from "./tool.ts";
import { updateTaskTool } from "./update-task.ts";
import { updateTaskStatusTool } from "./update-task-status.ts";
import { uploadDeliverableTool } from "./upload-deliverable.ts";

/** All tools, in the order in which they are listed. MCP, HTTP and the CLI serve this list. */
export const TOOLS: readonly Tool[] = [
  listMyTasksTool,
  getTaskDetailsTool,
  claimTaskTool,
  updateTaskStatusTool,
  addCommentTool,
  askHumanTool,
  reportTool,
  startTimerTool,
  stopTimerTool,
  uploadDeliverableTool,
  downloadDeliverableTool,
  createTaskTool,
  updateTaskTool,
  createProjectTool,
  planProjectTool,
  listProjectsTool,
  listTasksTool,
  listAgentsTool,
  messageHumanTool,
];
