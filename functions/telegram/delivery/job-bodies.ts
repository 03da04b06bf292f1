import { z } from "zod";
import { type ActionBody, type AnyEvent, EVENT_KINDS, WORK_EVENT_KINDS } from "../../../shared/task/events.ts";
import { PRIORITIES, STATUSES } from "../../../shared/task/snapshot.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";

const nameSchema = z.string();
const prioritySchema = z.enum(PRIORITIES);
const statusSchema = z.enum(STATUSES);
const dateSchema = z.string().nullable();

/** What says all by its kind. A kind that says more and is not left out here does not type-check. */
const bareKindSchema = z
  .enum(EVENT_KINDS)
  .exclude([
    "assigned",
    "unassigned",
    "renamed",
    "due",
    "priority",
    "comment_added",
    "comment_edited",
    ...WORK_EVENT_KINDS,
  ]);

const eventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: bareKindSchema }),
  z.object({ kind: z.enum(["assigned", "unassigned"]), who: nameSchema }),
  z.object({ kind: z.literal("renamed"), from: z.string() }),
  z.object({ kind: z.literal("due"), from: dateSchema, to: dateSchema }),
  z.object({ kind: z.literal("priority"), from: prioritySchema, to: prioritySchema }),
  z.object({ kind: z.enum(["comment_added", "comment_edited"]), comment: z.string(), author: nameSchema.nullable() }),
  z.object({
    kind: z.literal("asked"),
    question: z.string(),
    agent: nameSchema,
    text: z.string(),
    choices: z.array(z.string()),
    urgency: z.enum(["low", "normal", "high"]),
    reminder: z.number(),
  }),
  z.object({ kind: z.literal("answered"), question: z.string(), agent: nameSchema, text: z.string(), by: nameSchema }),
  z.object({ kind: z.literal("critical"), comment: z.string(), agent: nameSchema, text: z.string() }),
  z.object({
    kind: z.literal("claim_lost"),
    agent: nameSchema,
    why: z.enum(["expired", "reassigned", "moved"]),
    since: z.string(),
  }),
  z.object({ kind: z.literal("review"), agent: nameSchema, confidence: z.number(), text: z.string() }),
  z.object({
    kind: z.literal("sent_back"),
    agent: nameSchema,
    by: nameSchema.nullable(),
    reason: z.string().nullable(),
  }),
  z.object({ kind: z.literal("stuck"), blocker: z.string(), why: z.enum(["cancelled", "blocked"]) }),
  z.object({ kind: z.literal("circle"), path: z.array(z.string()) }),
  z.object({ kind: z.literal("failed"), agent: nameSchema, text: z.string() }),
]) satisfies z.ZodType<AnyEvent>;

const factsSchema = z.object({
  item: z
    .object({
      id: z.string(),
      key: z.string(),
      title: z.string(),
      word: statusSchema,
      priority: prioritySchema,
      due: dateSchema,
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
    .object({
      id: z.string(),
      name: z.string(),
      start: dateSchema,
      end: dateSchema,
      done: z.number(),
      total: z.number(),
    })
    .exactOptional(),
  comment: z.object({ id: z.string(), text: z.string() }).exactOptional(),
  actor: z.object({ id: z.string(), name: z.string(), isAgent: z.boolean() }).exactOptional(),
  at: z.string(),
});

/** The body of a notice's job: an event with its facts. */
const notificationBodySchema = z.object({
  event: eventSchema,
  facts: factsSchema,
  correlation: z.string(),
}) satisfies z.ZodType<ActionBody>;

/** The body of the job that brings a burst's message up to date. */
const burstRefreshBodySchema = z.object({ refresh: z.object({ messageId: z.number() }), correlation: z.string() });

export type BurstRefreshBody = z.infer<typeof burstRefreshBodySchema>;

const entitySchema = z.object({ offset: z.number(), length: z.number() });
const richSchema = z.object({
  text: z.string(),
  entities: z.array(
    z.discriminatedUnion("type", [
      entitySchema.extend({ type: z.enum(["bold", "code"]) }),
      entitySchema.extend({ type: z.literal("text_link"), url: z.string() }),
    ]),
  ),
}) satisfies z.ZodType<RichText>;
const buttonsSchema = z.array(z.array(z.object({ text: z.string(), data: z.string() })));
const languageSchema = z.enum(["en", "fr"]);

/** The body of the job that says something to people who asked for it. */
const preparedMessageBodySchema = z.object({
  answer: z.object({
    rich: richSchema,
    buttons: buttonsSchema.exactOptional(),
    replyTo: z.number().exactOptional(),
    topic: z.number().exactOptional(),
    language: languageSchema,
  }),
  correlation: z.string(),
});

export type PreparedMessageBody = z.infer<typeof preparedMessageBodySchema>;

/** The body of the job that lets a message say something else; one that is gone is sent anew. */
const replaceMessageBodySchema = z.object({
  show: z.object({
    messageId: z.number(),
    rich: richSchema,
    buttons: buttonsSchema.exactOptional(),
    topic: z.number().exactOptional(),
    language: languageSchema,
  }),
  correlation: z.string(),
});

export type ReplaceMessageBody = z.infer<typeof replaceMessageBodySchema>;

/** The body of the job that brings what messages say of a task up to date. */
const liveRefreshBodySchema = z.object({ do: z.literal("look"), item: z.string(), correlation: z.string() });

export type LiveRefreshBody = z.infer<typeof liveRefreshBodySchema>;

/** What a job of the outbox may hold. A job of an earlier version that no longer fits is set aside, not guessed at. */
export const outboxBodySchema = z.union([
  notificationBodySchema,
  burstRefreshBodySchema,
  preparedMessageBodySchema,
  replaceMessageBodySchema,
  liveRefreshBodySchema,
]);
