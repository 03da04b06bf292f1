import type { GrammyError } from "grammy/web";
import { MAX_HOLD_MS } from "../store/rate-limit-hold.ts";
import { type Ms, SECOND } from "../time.ts";
import type { BotFailure } from "./telegram-bot.ts";

/** Interval for retries after a 429 without a valid time to wait: 5 s. */
const DEFAULT_WAIT: Ms = 5 * SECOND;

/**
 * Errors 400 about the chat or the bot's rights in it, not about the message: a human can fix them, then it is sent.
 */
const CHAT_ERRORS =
  /chat not found|upgraded to a supergroup|chat_id is empty|not enough rights|have no rights|administrator rights|\b(CHAT|CHANNEL)_[A-Z_]+|USER_BANNED_IN_CHANNEL|PEER_ID_INVALID|TOPIC_(CLOSED|DELETED)|bot was kicked/i;

/** Errors about a single topic: other messages of the chat must not wait for it. */
const TOPIC_ERRORS = /TOPIC_(CLOSED|DELETED)/i;

/**
 * Converts an error of the Bot API.
 * @param redactToken removes the token from a reason
 * @param hasTopic whether the message was for a topic of a forum
 */
export function toBotFailure(
  { error_code: status, description, parameters }: GrammyError,
  redactToken: (reason: string) => string,
  hasTopic: boolean,
): BotFailure {
  const { retry_after, migrate_to_chat_id: movedTo } = parameters;
  if (status === 429) return { kind: "wait", ms: toWait(retry_after) };
  const movedSuffix = movedTo === undefined ? "" : ` (the chat is now ${movedTo})`;
  const reason = redactToken(`${status} ${description}${movedSuffix}`);
  if (status >= 500) return { kind: "not_sent", reason };
  const isChatProblem = CHAT_ERRORS.test(description) && !(hasTopic && TOPIC_ERRORS.test(description));
  if (movedTo !== undefined) return { kind: "refused", reason, lasting: false, movedTo };
  return { kind: "refused", reason, lasting: status === 400 && !isChatProblem };
}

/** Converts `retry_after` (seconds) to whole milliseconds: at least 1 s, at most Telegram's limit of a hold. */
function toWait(seconds: number | undefined): Ms {
  if (seconds === undefined || Number.isNaN(seconds) || seconds < 0) return DEFAULT_WAIT;
  return Math.min(MAX_HOLD_MS.telegram, Math.max(SECOND, Math.ceil(seconds * 1000)));
}
