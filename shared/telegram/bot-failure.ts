import type { GrammyError } from "grammy/web";
import type { BotFailure } from "./bot.ts";

/** When a 429 does not say how long to wait. */
const DEFAULT_WAIT = 5_000;

/** 400s about the chat or the bot's place in it, not about the message: a human can mend them, and then it is sent. */
const CHAT_ERRORS =
  /chat not found|upgraded to a supergroup|chat_id is empty|not enough rights|have no rights|administrator rights|\b(CHAT|CHANNEL)_[A-Z_]+|USER_BANNED_IN_CHANNEL|PEER_ID_INVALID|TOPIC_(CLOSED|DELETED)|bot was kicked/i;

/** Of those, the ones about a topic: the rest of the chat need not wait for it. */
const TOPIC_ERRORS = /TOPIC_(CLOSED|DELETED)/i;

/**
 * Why Telegram said no, in the Bot API's words.
 * @param redactToken takes the token out of a reason
 * @param hasTopic whether it was to go into one topic of a forum
 */
export function toBotFailure(
  { error_code: status, description, parameters }: GrammyError,
  redactToken: (reason: string) => string,
  hasTopic: boolean,
): BotFailure {
  const { retry_after, migrate_to_chat_id: movedTo } = parameters;
  if (status === 429) return { kind: "wait", ms: retry_after === undefined ? DEFAULT_WAIT : retry_after * 1000 };
  const movedSuffix = movedTo === undefined ? "" : ` (the chat is now ${movedTo})`;
  const reason = redactToken(`${status} ${description}${movedSuffix}`);
  if (status >= 500) return { kind: "not_sent", reason };
  const isChatProblem = CHAT_ERRORS.test(description) && !(hasTopic && TOPIC_ERRORS.test(description));
  if (movedTo !== undefined) return { kind: "refused", reason, lasting: false, movedTo };
  return { kind: "refused", reason, lasting: status === 400 && !isChatProblem };
}
