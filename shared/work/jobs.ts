import { z } from "zod";
import type { Job, Ms } from "../store/port.ts";

const common = { item: z.string(), correlation: z.string() };

/** The bodies of the queue `work`: what follows from what was done, and what is done later. */
export const workBody = z.discriminatedUnion("do", [
  /** A claim is over: timers stop, the card says so; one that was lost is told. */
  z.object({
    do: z.literal("ended"),
    ...common,
    agent: z.string(),
    fence: z.number(),
    /** Store times. */
    since: z.number(),
    at: z.number(),
    why: z.enum(["expired", "reassigned", "moved"]).optional(),
  }),
  /** Something happened to the item: whoever holds it may have lost it. */
  z.object({ do: z.literal("check"), ...common }),
  /** Found in progress after the store was lost: its card may tell who holds it. */
  z.object({ do: z.literal("adopt"), ...common }),
  /** A task in review is over, or its label was taken off: its agent may have to go on. */
  z.object({ do: z.literal("reviewed"), ...common }),
  /** A change of status was cut off: what is left of it is done. */
  z.object({ do: z.literal("cut"), ...common }),
  /** Labels `agent:<name>` and assignees are brought in step. */
  z.object({ do: z.literal("mirror"), ...common }),
  /** The agent card of the item is written, or brought up to date. */
  z.object({ do: z.literal("card"), ...common, agent: z.string().optional() }),
  /** This item was cancelled or blocked: those who wait for it are blocked. */
  z.object({ do: z.literal("stick"), ...common, why: z.enum(["cancelled", "blocked"]) }),
  /** This item goes on or is done: those who were blocked for it are released. */
  z.object({ do: z.literal("unstick"), ...common }),
  /** What this item waits for was cancelled, is blocked, or goes on: the item is blocked for it, or released. */
  z.object({ do: z.literal("settle"), ...common }),
  /** A question nobody has answered is asked again. */
  z.object({ do: z.literal("remind"), ...common, question: z.string(), after: z.number() }),
  /** A deliverable that was begun: what is left half of it is taken away. */
  z.object({ do: z.literal("half"), ...common, upload: z.string() }),
  /** People wrote a comment on an item that has an open question. */
  z.object({ do: z.literal("reply"), ...common, comment: z.string(), by: z.string() }),
  /** The answer to a question becomes a comment. */
  z.object({ do: z.literal("answer"), ...common, question: z.string() }),
]);
export type WorkBody = z.infer<typeof workBody>;

/** A job of the queue `work`. Jobs of one lane follow each other; `at` is store time. */
export function workJob(id: string, lane: string, body: WorkBody, at?: Ms): Job {
  return { id, queue: "work", lane, body, ...(at !== undefined && { at }) };
}
