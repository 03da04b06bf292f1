/** The list of all tools. MCP, HTTP and the CLI serve it. */

import { PLANNING_TOOLS } from "./planning-tools.ts";
import { RESULT_TOOLS } from "./result-tools.ts";
import { TASK_TOOLS } from "./task-tools.ts";
import type { Tool } from "./tool.ts";

/** All tools, in the order in which they are listed. */
export const TOOLS: readonly Tool[] = [...TASK_TOOLS, ...RESULT_TOOLS, ...PLANNING_TOOLS];
