import type { GrammyError } from "grammy/web";
import type { Failure } from "./bot.ts";

/** When a 429 does not say how long to wait. */
const DEFAULT_WAIT = 5_000;

/** 400s about the chat or the bot's place in it, not about the message: a human can mend them, and then it is sent. */
const ABOUT_THE_CHAT =
  /chat not found|upgraded to a supergroup|chat_id is empty|not enough rights|have no rights|administrator rights|\b(CHAT|CHANNEL)_[A-Z_]+|USER_BANNED_IN_CHANNEL|PEER_ID_INVALID|TOPIC_(CLOSED|DELETED)|bot was kicked/i;

/** Of those, the ones about a topic: the rest of the chat need not wait for it. */
const ABOUT_THE_TOPIC = /TOPIC_(CLOSED|DELETED)/i;

/**
 * Why Telegram said no, in the Bot API's words.
 * @param clean takes the token out of a reason
 * @param topic whether it was to go into one topic of a forum
 */
export function refused(
  { error_code: status, description, parameters }: GrammyError,
  clean: (reason: string) => string,
  topic: boolean,
): Failure {
  const { retry_after, migrate_to_chat_id: movedTo } = parameters;
  if (status === 429) return { kind: "wait", ms: retry_after === undefined ? DEFAULT_WAIT : retry_after * 1000 };
  const moved = movedTo === undefined ? "" : ` (the chat is now ${movedTo})`;
  const reason = clean(`${status} ${description}${moved}`);
  if (status >= 500) return { kind: "not_sent", reason };
  const isMendable = ABOUT_THE_CHAT.test(description) && !(topic && ABOUT_THE_TOPIC.test(description));
  if (movedTo !== undefined) return { kind: "refused", reason, lasting: false, movedTo };
  return { kind: "refused", reason, lasting: status === 400 && !isMendable };
}
