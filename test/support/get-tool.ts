import type { Tool } from "../../functions/agent/tool.ts";
import { TOOLS } from "../../functions/agent/tools.ts";

/** Returns the tool with this name. */
export function getTool(name: string): Tool {
  const tool = TOOLS.find((candidate) => candidate.name === name);
  if (!tool) throw new Error(`There is no tool ${name}.`);
  return tool;
}
