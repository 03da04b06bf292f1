import type { z } from "zod";
import type { Caller } from "../../shared/work/context/caller.ts";
import type { TaskOperations } from "../../shared/work/task-operations.ts";

/** What a tool works with: the work bound to its caller, and who that is. */
export interface ToolContext {
  work: TaskOperations;
  caller: Caller;
}

/** One thing an agent can do, served alike over MCP, HTTP and the CLI. */
export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodType = z.ZodType> {
  name: string;
  /** One sentence; a model chooses by it. */
  description: string;
  input: I;
  output: O;
  /** Who may call it, and is shown it. */
  allow: "agent" | "concierge";
  hints: { readOnly?: true; idempotent?: true; destructive?: true };
  /** Throws GroundcrewError with what to do; a PlaneError where Plane does not let it. */
  run(context: ToolContext, input: z.output<I>): Promise<z.input<O>>;
}

/** Keeps a tool's own types; a list holds them as plain tools. */
export function defineTool<I extends z.ZodObject, O extends z.ZodType>(definition: Tool<I, O>): Tool {
  return definition as unknown as Tool;
}
