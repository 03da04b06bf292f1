import type { z } from "zod";
import type { Caller } from "../../shared/work/caller.ts";
import type { Work } from "../../shared/work/work.ts";

/** What a tool works with: the work bound to its caller, and who that is. */
export interface ToolContext {
  work: Work;
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
export function tool<I extends z.ZodObject, O extends z.ZodType>(of: Tool<I, O>): Tool {
  return of as unknown as Tool;
}
