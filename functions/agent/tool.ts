import type { z } from "zod";
import type { Caller } from "../../shared/work/context/caller.ts";
import type { TaskOperations } from "../../shared/work/task-operations.ts";

/** What a tool may use: the task operations, bound to the caller, and the caller itself. */
export interface ToolContext {
  work: TaskOperations;
  caller: Caller;
}

/** One operation for agents, served in the same way over MCP, HTTP and the CLI. */
export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodType = z.ZodType> {
  name: string;
  /** A short text in the imperative, by which a model chooses the tool. */
  description: string;
  input: I;
  output: O;
  /** Who may call the tool and sees it in lists; `concierge` excludes worker agents. */
  allow: "agent" | "concierge";
  hints: { readOnly?: true; idempotent?: true; destructive?: true };
  /** Throws a GroundcrewError that says what to do, or a PlaneError when Plane refuses or fails. */
  run(context: ToolContext, input: z.output<I>): Promise<z.input<O>>;
}

/** Checks a tool against its own schemas, then drops their types so that tools of different types fit in one list. */
export function defineTool<I extends z.ZodObject, O extends z.ZodType>(definition: Tool<I, O>): Tool {
  return definition as unknown as Tool;
}
