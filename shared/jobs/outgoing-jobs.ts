/**
 * Jobs whose effect leaves Groundcrew: messages to Telegram (queue `outbox`) and events for other systems (queue
 * `forward`). Jobs of one lane are handled in order, so that a chat gets its notifications in order and nothing delays
 * a reply.
 */

import { z } from "zod";
import type { Settings } from "../config/settings.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Revision } from "../store/port.ts";
import { type AnyEvent, EVENT_KINDS, eventSchema } from "../task/events.ts";
import { type ActionBody, factsSchema, type RuleAction } from "../task/rule-set.ts";
import type { ChatId } from "../telegram/bot.ts";
import type { RichText } from "../telegram/rich-text.ts";
import type { Ms } from "../time.ts";

export type BurstRefreshBody = Extract<OutboxBody, { type: "burst_refresh" }>;

export type PreparedMessageBody = Extract<OutboxBody, { type: "reply" | "announcement" }>;

export type ReplaceMessageBody = Extract<OutboxBody, { type: "replacement" }>;

export type NoticeBody = Extract<OutboxBody, { type: "notice" }>;

export type LiveRefreshBody = Extract<OutboxBody, { type: "live_refresh" }>;

export type StatusBody = Extract<OutboxBody, { type: "status" }>;

const entitySchema = z.object({ offset: z.number(), length: z.number() });

const mentionedUserSchema = z.object({ id: z.number(), is_bot: z.literal(false), first_name: z.string() });

const richSchema = z.object({
  text: z.string(),
  entities: z.array(
    z.discriminatedUnion("type", [
      entitySchema.extend({ type: z.enum(["bold", "code"]) }),
      entitySchema.extend({ type: z.literal("text_link"), url: z.string() }),
      entitySchema.extend({ type: z.literal("text_mention"), user: mentionedUserSchema }),
    ]),
  ),
}) satisfies z.ZodType<RichText>;

const messageSchema = z.object({
  rich: richSchema,
  buttons: z.array(z.array(z.object({ text: z.string(), data: z.string() }))).exactOptional(),
  topic: z.number().exactOptional(),
  language: z.enum(["en", "fr"]),
});

const newMessageSchema = messageSchema.extend({
  replyTo: z.number().exactOptional(),
  /** Sent without a sound; see `getSoundRule`. */
  silent: z.literal(true).exactOptional(),
  /** Plane's ids of the tasks that the message is about. */
  tasks: z.array(z.string()).exactOptional(),
});

const editedMessageSchema = messageSchema.extend({
  messageId: z.number(),
  /** Nothing is sent where the message is gone. */
  isOptional: z.literal(true).exactOptional(),
});

/** The message of a burst, and the number of its refresh: a number of its own for each one that has begun. */
const refreshSchema = z.object({ messageId: z.number(), number: z.number().default(0) });

const commonFields = { chat: z.union([z.number(), z.string()]), correlation: z.string() };

/**
 * Bodies of the queue `outbox`: messages to a chat. A body that matches no schema becomes a dead letter instead of a
 * wrong message.
 */
export const outboxBodySchema = z.discriminatedUnion("type", [
  /** A notification about an event; its text is rendered when the job is handled. */
  z.object({ type: z.literal("notification"), ...commonFields, event: eventSchema, facts: factsSchema }),
  /** Edits the message of a burst so that it shows all its notifications. */
  z.object({ type: z.literal("burst_refresh"), ...commonFields, refresh: refreshSchema }),
  /** A reply to a person's command or question. */
  z.object({ type: z.literal("reply"), ...commonFields, answer: newMessageSchema }),
  /** A prepared message to the whole chat, for example the digest. */
  z.object({ type: z.literal("announcement"), ...commonFields, answer: newMessageSchema }),
  /** Replaces the text of a message; a deleted message is sent again. */
  z.object({ type: z.literal("replacement"), ...commonFields, show: editedMessageSchema }),
  /** Sends or edits the message of the notice with this key. */
  z.object({ type: z.literal("notice"), ...commonFields, notice: z.string() }),
  /** Updates the live messages about a task, or about the question that `item` names. */
  z.object({ type: z.literal("live_refresh"), ...commonFields, item: z.string() }),
  /** Brings a status message up to date: `subject` is a task for its progress, or the name of another one. */
  z.object({ type: z.literal("status"), ...commonFields, subject: z.string() }),
]);

export type OutboxBody = z.infer<typeof outboxBodySchema>;

/**
 * Bodies of the queue `forward`: an event for another system. Unknown fields are kept, because the event is forwarded
 * unchanged.
 */
export const forwardBodySchema = z.object({
  type: z.literal("event"),
  /** Normalized by `normalizeForwardUrl`. */
  url: z.string(),
  event: z.looseObject({ kind: z.enum(EVENT_KINDS) }),
  facts: z.looseObject({ at: z.string() }),
  correlation: z.string(),
});

/**
 * Creates the action that sends a notification. One lane per chat, so that its notifications stay in order; what asks a
 * person for a decision has a lane of its own, so that it waits for no other message.
 */
export function createNotificationAction(
  chat: ChatId,
  { event, facts, correlation }: ActionBody,
): Omit<RuleAction, "rule"> {
  const body = { type: "notification", chat, event, facts, correlation } satisfies OutboxBody;
  const lane = isRequest(event) ? requestLane(chat, event, facts) : notificationLane(chat);
  return { target: `telegram:${chat}`, queue: "outbox", lane, body };
}

/** Whether an event asks a person for an answer or a decision. */
function isRequest(event: AnyEvent): boolean {
  if (event.kind === "ticket") return event.wait !== undefined;
  return event.kind === "asked" || event.kind === "review" || event.kind === "plan_proposed";
}

function requestLane(chat: ChatId, event: AnyEvent, { item }: ActionBody["facts"]): string {
  const subject = "question" in event ? event.question : "plan" in event ? event.plan : "";
  return `telegram:${chat}:requests:${item?.id ?? subject}`;
}

function notificationLane(chat: ChatId): string {
  return `telegram:${chat}`;
}

function createOutboxJob(id: string, lane: string, body: OutboxBody, at?: Ms): Job {
  return { id, queue: "outbox", lane, body, ...omitUndefined({ at }) };
}

/** @param id identifies the message, so that it is sent only once */
export function createAnnouncementJob(
  id: string,
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  correlation: string,
): Job {
  return createOutboxJob(id, notificationLane(chat), { type: "announcement", chat, answer, correlation });
}

/**
 * Creates the job that brings the message of a notice up to date. One lane per notice, so that no other message delays
 * it.
 * @param rev of the notice's record before the change, which tells its changes apart
 */
export function createNoticeJob(chat: ChatId, notice: string, rev: number): Job {
  const body: OutboxBody = { type: "notice", chat, notice, correlation: notice };
  return createOutboxJob(`${notice}:${rev}`, `telegram:${chat}:${notice}`, body);
}

/** @param cause identifies the update that is answered, so that it is answered only once */
export function createReplyJob(
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  cause: string,
  correlation: string,
): Job {
  return createOutboxJob(`answer:${cause}`, replyLane(chat), { type: "reply", chat, answer, correlation });
}

/** A separate lane, so that notifications do not delay replies. */
export function replyLane(chat: ChatId): string {
  return `telegram:${chat}:answers`;
}

/** Creates the action that updates the live messages about a task: questions, reviews, progress. */
export function createLiveRefreshAction(chat: ChatId, item: string, correlation: string): Omit<RuleAction, "rule"> {
  const body = { type: "live_refresh", chat, item, correlation } satisfies OutboxBody;
  return { target: `telegram:${chat}:live`, queue: "outbox", lane: liveRefreshLane(chat, item), body };
}

/** One lane per chat and task, so that updates of one task's messages stay in order and delay no others. */
function liveRefreshLane(chat: ChatId, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** @param cause identifies what happened, so that repeating it creates no second job */
export function createLiveRefreshJob(chat: ChatId, item: string, cause: string, correlation: string): Job {
  const id = `live-refresh:${chat}:${item}:${cause}`;
  return createOutboxJob(id, liveRefreshLane(chat, item), { type: "live_refresh", chat, item, correlation });
}

/**
 * Creates the job that updates a task's progress message (NOTIF-07), for the commit that stores the progress. Empty
 * when progress messages are turned off.
 */
export function createProgressJobs(
  { telegram, progress }: Pick<Settings, "telegram" | "progress">,
  item: string,
  cause: string,
  correlation: string,
): Job[] {
  return telegram && progress ? [createLiveRefreshJob(telegram.chat, item, cause, correlation)] : [];
}

/**
 * Creates the job that brings a status message up to date.
 * @param cause the revision of the message's record: until the job has begun, further changes need no other one
 * @param at the earliest time of the message's next edit
 */
export function createStatusJob(
  chat: ChatId,
  subject: string,
  cause: Revision | string,
  at: Ms,
  correlation: string,
): Job {
  const lane = `telegram:${chat}:status:${subject}`;
  return createOutboxJob(`${lane}:${cause}`, lane, { type: "status", chat, subject, correlation }, at);
}

/**
 * Creates the job that edits a burst's message. Its lane is separate, so that notifications that arrive while it waits
 * are merged into the message as well.
 */
export function createBurstRefreshJob(
  chat: ChatId,
  refresh: BurstRefreshBody["refresh"],
  at: Ms,
  correlation: string,
): Job {
  const id = `refresh:${chat}:${refresh.messageId}:${refresh.number}`;
  return createOutboxJob(id, `telegram:${chat}:refresh`, { type: "burst_refresh", chat, refresh, correlation }, at);
}

/** @param cause identifies the reason of the change, so that repeating it creates no second job */
export function createReplacementJob(
  chat: ChatId,
  show: ReplaceMessageBody["show"],
  cause: string,
  correlation: string,
): Job {
  return createOutboxJob(`show:${cause}`, replyLane(chat), { type: "replacement", chat, show, correlation });
}

/**
 * Creates the action that forwards an event. One lane per address and work item, so that an item's events stay in
 * order.
 */
export function createForwardAction(url: string, { event, facts, correlation }: ActionBody): Omit<RuleAction, "rule"> {
  const subjectId = facts.item?.id ?? facts.cycle?.id ?? facts.project?.id ?? "";
  const target = formatForwardTarget(url);
  const body = { type: "event", url, event, facts, correlation };
  return { target, queue: "forward", lane: `${target} ${subjectId}`, body };
}

function formatForwardTarget(url: string): string {
  return `forward:${url}`;
}

/** Returns the address in a decision log target; undefined when the target belongs to another queue. */
export function parseForwardTarget(target: string): string | undefined {
  const prefix = formatForwardTarget("");
  return target.startsWith(prefix) ? target.slice(prefix.length) : undefined;
}
