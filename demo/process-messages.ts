import { z } from "zod";

/** What the process with the product tells the one with everything outside it. */
export const childMessageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("log"), line: z.string() }),
  z.object({ kind: z.literal("listening"), url: z.string() }),
  z.object({ kind: z.literal("failed"), error: z.string() }),
  z.object({ kind: z.literal("asked"), id: z.number(), name: z.string(), input: z.unknown() }),
]);

export type ChildMessage = z.infer<typeof childMessageSchema>;

/** And the other way: `settings` are the product's, parsed already. */
export const parentMessageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("start"), settings: z.unknown() }),
  z.object({ kind: z.literal("stop") }),
  z.object({ kind: z.literal("answer"), id: z.number(), answer: z.unknown() }),
  z.object({ kind: z.literal("refusal"), id: z.number(), problem: z.string() }),
]);

export type ParentMessage = z.infer<typeof parentMessageSchema>;
