import { z } from "zod";
import { type Body, EVENT_KINDS, type Event, WORK_KINDS } from "../../shared/task/events.ts";
import { PRIORITIES, WORDS } from "../../shared/task/snapshot.ts";
import type { RichText } from "../../shared/telegram/text.ts";

const who = z.string();
const priority = z.enum(PRIORITIES);
const word = z.enum(WORDS);
const date = z.string().nullable();

/** What says all by its kind. A kind that says more and is not left out here does not type-check. */
const bareKind = z
  .enum(EVENT_KINDS)
  .exclude(["assigned", "unassigned", "renamed", "due", "priority", "comment_added", "comment_edited", ...WORK_KINDS]);

const eventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: bareKind }),
  z.object({ kind: z.enum(["assigned", "unassigned"]), who }),
  z.object({ kind: z.literal("renamed"), from: z.string() }),
  z.object({ kind: z.literal("due"), from: date, to: date }),
  z.object({ kind: z.literal("priority"), from: priority, to: priority }),
  z.object({ kind: z.enum(["comment_added", "comment_edited"]), comment: z.string(), author: who.nullable() }),
  z.object({
    kind: z.literal("asked"),
    ...{ question: z.string(), agent: who, text: z.string(), choices: z.array(z.string()) },
    ...{ urgency: z.enum(["low", "normal", "high"]), reminder: z.number() },
  }),
  z.object({ kind: z.literal("answered"), question: z.string(), agent: who, text: z.string(), by: who }),
  z.object({ kind: z.literal("critical"), comment: z.string(), agent: who, text: z.string() }),
  z.object({
    kind: z.literal("claim_lost"),
    ...{ agent: who, why: z.enum(["expired", "reassigned", "moved"]), since: z.string() },
  }),
  z.object({ kind: z.literal("review"), agent: who, confidence: z.number(), text: z.string() }),
  z.object({ kind: z.literal("sent_back"), agent: who, by: who.nullable(), reason: z.string().nullable() }),
  z.object({ kind: z.literal("stuck"), blocker: z.string(), why: z.enum(["cancelled", "blocked"]) }),
  z.object({ kind: z.literal("circle"), path: z.array(z.string()) }),
  z.object({ kind: z.literal("failed"), agent: who, text: z.string() }),
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

const entity = z.object({ offset: z.number(), length: z.number() });
const richSchema = z.object({
  text: z.string(),
  entities: z.array(
    z.discriminatedUnion("type", [
      entity.extend({ type: z.enum(["bold", "code"]) }),
      entity.extend({ type: z.literal("text_link"), url: z.string() }),
    ]),
  ),
}) satisfies z.ZodType<RichText>;
const buttonsSchema = z.array(z.array(z.object({ text: z.string(), data: z.string() })));
const language = z.enum(["en", "fr"]);

/** The body of the job that says something to people who asked for it. */
const answerSchema = z.object({
  answer: z.object({
    rich: richSchema,
    buttons: buttonsSchema.exactOptional(),
    replyTo: z.number().exactOptional(),
    topic: z.number().exactOptional(),
    language,
  }),
  correlation: z.string(),
});

export type AnswerBody = z.infer<typeof answerSchema>;

/** The body of the job that lets a message say something else; one that is gone is sent anew. */
const showSchema = z.object({
  show: z.object({
    messageId: z.number(),
    rich: richSchema,
    buttons: buttonsSchema.exactOptional(),
    topic: z.number().exactOptional(),
    language,
  }),
  correlation: z.string(),
});

export type ShowBody = z.infer<typeof showSchema>;

/** The body of the job that brings what messages say of a task up to date. */
const lookSchema = z.object({ do: z.literal("look"), item: z.string(), correlation: z.string() });

export type LookBody = z.infer<typeof lookSchema>;

/** What a job of the outbox may hold. A job of an earlier version that no longer fits is set aside, not guessed at. */
export const outboxSchema = z.union([noticeSchema, refreshSchema, answerSchema, showSchema, lookSchema]);
