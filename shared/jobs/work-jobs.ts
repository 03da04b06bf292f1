import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { Ms } from "../time.ts";

const commonFields = { item: z.string(), correlation: z.string() };

/** The bodies of the queue `work`: what follows from what was done, and what is done later. Their type is `do`. */
export const workJobBodySchema = z.discriminatedUnion("do", [
  /** A claim is over: timers stop, the card says so; one that was lost is told. */
  z.object({
    do: z.literal("ended"),
    ...commonFields,
    agent: z.string(),
    fence: z.number(),
    /** Store times. */
    since: z.number(),
    at: z.number(),
    why: z.enum(["expired", "reassigned", "moved"]).optional(),
  }),
  /** Something happened to the item: whoever holds it may have lost it. */
  z.object({ do: z.literal("check"), ...commonFields }),
  /** Found in progress after the store was lost: its card may tell who holds it. */
  z.object({ do: z.literal("adopt"), ...commonFields }),
  /** A task in review is over, or its label was taken off: its agent may have to go on. */
  z.object({ do: z.literal("reviewed"), ...commonFields }),
  /** A change of status was cut off: what is left of it is done. */
  z.object({ do: z.literal("cut"), ...commonFields }),
  /** Labels `agent:<name>` and assignees are brought in step. */
  z.object({ do: z.literal("mirror"), ...commonFields }),
  /** The agent card of the item is written, or brought up to date. */
  z.object({ do: z.literal("card"), ...commonFields, agent: z.string().optional() }),
  /** This item was cancelled or blocked: those who wait for it are blocked. */
  z.object({ do: z.literal("stick"), ...commonFields, why: z.enum(["cancelled", "blocked"]) }),
  /** This item goes on or is done: those who were blocked for it are released. */
  z.object({ do: z.literal("unstick"), ...commonFields }),
  /** What this item waits for was cancelled, is blocked, or goes on: the item is blocked for it, or released. */
  z.object({ do: z.literal("settle"), ...commonFields }),
  /** A question nobody has answered is asked again. */
  z.object({ do: z.literal("remind"), ...commonFields, question: z.string(), after: z.number() }),
  /** A deliverable that was begun: what is left half of it is taken away. */
  z.object({ do: z.literal("half"), ...commonFields, upload: z.string() }),
  /** People wrote a comment on an item that has an open question. */
  z.object({ do: z.literal("reply"), ...commonFields, comment: z.string(), by: z.string() }),
  /** The answer to a question becomes a comment. */
  z.object({ do: z.literal("answer"), ...commonFields, question: z.string() }),
]);
export type WorkJobBody = z.infer<typeof workJobBodySchema>;

/** A job of the queue `work`. Jobs of one lane follow each other; `at` is store time. */
export function createWorkJob(id: string, lane: string, body: WorkJobBody, at?: Ms): Job {
  return { id, queue: "work", lane, body, ...omitUndefined({ at }) };
}
