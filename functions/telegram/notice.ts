import { z } from "zod";
import type { Body, Event } from "../../shared/task/events.ts";

const who = z.string();
const priority = z.enum(["urgent", "high", "medium", "low", "none"]);
const word = z.enum(["todo", "in_progress", "blocked", "done", "cancelled"]);
const date = z.string().nullable();

const eventSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.enum([
      "created",
      "started",
      "blocked",
      "unblocked",
      "completed",
      "cancelled",
      "reopened",
      "removed",
      "restored",
      "project_created",
      "project_completed",
      "cycle_started",
      "cycle_completed",
    ]),
  }),
  z.object({ kind: z.enum(["assigned", "unassigned"]), who }),
  z.object({ kind: z.literal("renamed"), from: z.string() }),
  z.object({ kind: z.literal("due"), from: date, to: date }),
  z.object({ kind: z.literal("priority"), from: priority, to: priority }),
  z.object({ kind: z.enum(["comment_added", "comment_edited"]), comment: z.string(), author: who.nullable() }),
]) satisfies z.ZodType<Event>;

const factsSchema = z.object({
  item: z
    .object({
      id: z.string(),
      key: z.string(),
      title: z.string(),
      word,
      priority,
      due: date,
      url: z.string(),
      assignees: z.array(z.string()),
      agent: z.string().exactOptional(),
      labels: z.array(z.string()),
      blockers: z.array(z.object({ key: z.string(), title: z.string() })),
      timeSpentMs: z.number().exactOptional(),
      dependants: z.number(),
    })
    .exactOptional(),
  project: z.object({ id: z.string(), identifier: z.string(), name: z.string(), url: z.string() }),
  cycle: z
    .object({ id: z.string(), name: z.string(), start: date, end: date, done: z.number(), total: z.number() })
    .exactOptional(),
  comment: z.object({ id: z.string(), text: z.string() }).exactOptional(),
  actor: z.object({ id: z.string(), name: z.string(), isAgent: z.boolean() }).exactOptional(),
  at: z.string(),
});

/** The body of a notice's job: an event with its facts. */
const noticeSchema = z.object({
  event: eventSchema,
  facts: factsSchema,
  correlation: z.string(),
}) satisfies z.ZodType<Body>;

/** The body of the job that brings a burst's message up to date. */
const refreshSchema = z.object({ refresh: z.object({ messageId: z.number() }), correlation: z.string() });

export type Refresh = z.infer<typeof refreshSchema>;

/** What a job of the outbox may hold. A job of an earlier version that no longer fits is set aside, not guessed at. */
export const outboxSchema = z.union([noticeSchema, refreshSchema]);
