import { z } from "zod";
import type { Settings } from "../config/settings.ts";
import type { Job, Json, LeasedJob } from "../store/port.ts";
import type { ActionBody, RuleAction } from "../task/events.ts";
import type { ChatId } from "../telegram/bot.ts";
import type { RichText } from "../telegram/rich-text.ts";
import type { Ms } from "../time.ts";
import { eventSchema, factsSchema } from "./event-schema.ts";
import { getUntypedFields } from "./untyped-fields.ts";

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

const messageSchema = z.object({
  rich: richSchema,
  buttons: z.array(z.array(z.object({ text: z.string(), data: z.string() }))).exactOptional(),
  topic: z.number().exactOptional(),
  language: z.enum(["en", "fr"]),
});
const newMessageSchema = messageSchema.extend({ replyTo: z.number().exactOptional() });
const editedMessageSchema = messageSchema.extend({ messageId: z.number() });

const commonFields = { chat: z.union([z.number(), z.string()]), correlation: z.string() };

/**
 * The bodies of the queue `outbox`: what is sent to a chat. A job of an earlier version that no longer fits is set
 * aside, not guessed at.
 */
export const outboxBodySchema = z.discriminatedUnion("type", [
  /** An event with its facts, to be told in words. */
  z.object({ type: z.literal("notification"), ...commonFields, event: eventSchema, facts: factsSchema }),
  /** A burst's message does not show all its notifications yet. */
  z.object({ type: z.literal("burst_refresh"), ...commonFields, refresh: z.object({ messageId: z.number() }) }),
  /** What somebody is told who asked. */
  z.object({ type: z.literal("reply"), ...commonFields, answer: newMessageSchema }),
  /** What everybody in the chat is told, in words that are ready: the digest, say. */
  z.object({ type: z.literal("announcement"), ...commonFields, answer: newMessageSchema }),
  /** A message says something else from now on; one that is gone is sent anew. */
  z.object({ type: z.literal("replacement"), ...commonFields, show: editedMessageSchema }),
  /** What messages say of a task is brought up to date. `do` was its type before all bodies had one. */
  z.object({ type: z.literal("live_refresh"), ...commonFields, do: z.literal("look"), item: z.string() }),
]);
export type OutboxBody = z.infer<typeof outboxBodySchema>;

export type BurstRefreshBody = Extract<OutboxBody, { type: "burst_refresh" }>;
export type PreparedMessageBody = Extract<OutboxBody, { type: "reply" | "announcement" }>;
export type ReplaceMessageBody = Extract<OutboxBody, { type: "replacement" }>;
export type LiveRefreshBody = Extract<OutboxBody, { type: "live_refresh" }>;

function notificationLane(chat: ChatId): string {
  return `telegram:${chat}`;
}

/** A lane of its own, so that no notification keeps whoever asked waiting. */
export function replyLane(chat: ChatId): string {
  return `telegram:${chat}:answers`;
}

/** Looks at one task's messages in one chat follow each other and hold up no others. */
function liveRefreshLane(chat: ChatId, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** The notifications of a chat follow each other. */
export function createNotificationAction(
  chat: ChatId,
  { event, facts, correlation }: ActionBody,
): Omit<RuleAction, "rule"> {
  const body = { type: "notification", chat, event, facts, correlation } satisfies OutboxBody;
  return { target: `telegram:${chat}`, queue: "outbox", lane: notificationLane(chat), body };
}

/** Brings what messages say of a task up to date: questions, reviews, its progress. */
export function createLiveRefreshAction(chat: ChatId, item: string, correlation: string): Omit<RuleAction, "rule"> {
  const body = createLiveRefreshBody(chat, item, correlation);
  return { target: `telegram:${chat}:live`, queue: "outbox", lane: liveRefreshLane(chat, item), body };
}

/** @param cause names what happened, once and for all */
export function createLiveRefreshJob(chat: ChatId, item: string, cause: string, correlation: string): Job {
  const body = createLiveRefreshBody(chat, item, correlation);
  return { id: `look:${chat}:${item}:${cause}`, queue: "outbox", lane: liveRefreshLane(chat, item), body };
}

function createLiveRefreshBody(chat: ChatId, item: string, correlation: string): OutboxBody {
  return { type: "live_refresh", chat, do: "look", item, correlation };
}

/**
 * The job that shows how a task is getting on (NOTIF-07), for the commit that keeps what there is to show; none where
 * nobody wants to see it.
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
 * The job that shows what was folded into a message: in a lane of its own, so that what comes while it waits is folded
 * in as well.
 * @param discriminator tells this refresh from the message's others
 */
export function createBurstRefreshJob(
  chat: ChatId,
  messageId: number,
  discriminator: string,
  at: Ms,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "burst_refresh", chat, refresh: { messageId }, correlation };
  const id = `refresh:${chat}:${messageId}:${discriminator}`;
  return { id, queue: "outbox", lane: `telegram:${chat}:refresh`, at, body };
}

/** @param id names the message once and for all */
export function createAnnouncementJob(
  id: string,
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  correlation: string,
): Job {
  const body: OutboxBody = { type: "announcement", chat, answer, correlation };
  return { id, queue: "outbox", lane: notificationLane(chat), body };
}

/** @param cause names what is answered, once and for all */
export function createReplyJob(
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  cause: string,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "reply", chat, answer, correlation };
  return { id: `answer:${cause}`, queue: "outbox", lane: replyLane(chat), body };
}

/** @param cause names why the message changes, once and for all */
export function createReplacementJob(
  chat: ChatId,
  show: ReplaceMessageBody["show"],
  cause: string,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "replacement", chat, show, correlation };
  return { id: `show:${cause}`, queue: "outbox", lane: replyLane(chat), body };
}

/**
 * The body in today's form. Versions before 0.2.0 wrote no `type`; what was to be done showed in which field was there,
 * and the chat stood in the lane alone.
 */
export function upgradeOutboxBody({ lane, body }: Pick<LeasedJob, "lane" | "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  const chat = parseLaneChat(lane);
  if ("refresh" in fields) return { type: "burst_refresh", chat, ...fields };
  if ("show" in fields) return { type: "replacement", chat, ...fields };
  if ("do" in fields) return { type: "live_refresh", chat, ...fields };
  if (!("answer" in fields)) return { type: "notification", chat, ...fields };
  const isReply = chat !== undefined && lane === replyLane(chat);
  return { type: isReply ? "reply" : "announcement", chat, ...fields };
}

/** The chat of a lane `telegram:<chat>`, with `:refresh`, `:answers` or `:live:<item>` or not; undefined for any other lane. */
function parseLaneChat(lane: string): ChatId | undefined {
  const [, number, name] = /^telegram:(?:(-?\d+)|(@\w+))(?::refresh|:answers|:live:.+)?$/.exec(lane) ?? [];
  return number === undefined ? name : Number(number);
}
