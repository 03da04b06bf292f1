import { z } from "zod";

/** Messages from the product's process to the demo's process, which runs the simulators and the agents. */
export const childMessageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("log"), line: z.string() }),
  z.object({ kind: z.literal("listening"), url: z.string() }),
  z.object({ kind: z.literal("failed"), error: z.string() }),
  z.object({ kind: z.literal("asked"), id: z.number(), name: z.string(), input: z.unknown() }),
]);

export type ChildMessage = z.infer<typeof childMessageSchema>;

/** Messages from the demo's process to the product's. `settings` are the parsed settings of the product; `clock` is absent in real time. */
export const parentMessageSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("start"),
    settings: z.unknown(),
    clock: z.object({ startedAt: z.number(), speed: z.number() }).exactOptional(),
  }),
  z.object({ kind: z.literal("stop") }),
  z.object({ kind: z.literal("answer"), id: z.number(), answer: z.unknown() }),
  z.object({ kind: z.literal("refusal"), id: z.number(), problem: z.string() }),
]);

export type ParentMessage = z.infer<typeof parentMessageSchema>;
