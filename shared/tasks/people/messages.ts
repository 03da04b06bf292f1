/** What the Concierge writes to a person about no task: a message, which may answer a wish, or a question. */

import { z } from "zod";
import { GroundcrewError } from "../../errors.ts";
import { getTexts, type TelegramTexts } from "../../i18n/texts.ts";
import { createAnnouncementJob } from "../../jobs/outgoing-jobs.ts";
import { stripMarkdown } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { workKeys } from "../../records/store-keys.ts";
import { mergeUpdates, updateValue } from "../../store/records.ts";
import type { ChatId } from "../../telegram/bot.ts";
import { toSoundExtras } from "../../telegram/chat-settings.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
} from "../../telegram/rich-text.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { DAY, type Ms } from "../../time.ts";
import type { CallContext } from "../call-context.ts";
import { getIdempotencyKey } from "../post-comment.ts";
import { findWishMessage, getWishText, prepareAnsweredWishes, readOpenWishes } from "../wishes.ts";
import { askWithoutTask, choicesSchema, QUESTION_TEXT_LIMIT } from "./questions.ts";

/** A message of an agent to the human that needs no answer and is about no task. A question is a request. */
interface MessageRecord {
  id: string;
  agent: string;
  text: string;
  /** Store time. */
  at: Ms;
}

/** Limit of a message in UTF-16 units, which leaves space for the headline in one message of Telegram. */
const MESSAGE_TEXT_LIMIT = 3_500;

/** What the Concierge writes to the human; `choices` are for questions only. */
export const newMessageSchema = z.object({
  text: z.string().min(1).max(MESSAGE_TEXT_LIMIT),
  kind: z.enum(["inform", "ask"]).default("inform"),
  choices: choicesSchema.optional(),
  /** The message replies to the person's message. */
  wish: z.string().max(100).optional().describe("id of the request it answers"),
  wishes: z.array(z.string().max(100)).max(20).optional(),
});

type NewMessage = z.infer<typeof newMessageSchema>;

/** Space for the mark of a possible repeat in any language, in UTF-16 units. */
const REPEAT_MARK_LENGTH = 100;

/** Limit of the text of a wish that is still open, in the answer to a message, in UTF-16 units. */
const OPEN_TEXT_LENGTH = 120;

/** Retention of a message: 30 days, as of an answered question. */
const MESSAGE_RETENTION: Ms = 30 * DAY;

/**
 * Sends the human a message about no task, or asks a question whose answer wakes the agent. The result of a message
 * names the wishes that are still open, so that none is forgotten. Repeating the call within ten minutes, or while the
 * question is open, has no further effect. Throws `bad_request` for a text that cannot be sent, `conflict` without a
 * chat to send it to.
 */
export async function messageHuman(context: CallContext, newMessage: NewMessage) {
  const { telegram } = context.deps.settings;
  if (!telegram)
    throw new GroundcrewError(
      "conflict",
      "No chat with the human is configured. Write a comment on a task with add_comment instead.",
    );
  const text = cleanText(newMessage.text, MESSAGE_TEXT_LIMIT);
  if (text === "") throw new GroundcrewError("bad_request", "text is empty. Give a text that is visible.");
  if (newMessage.kind === "ask") return askQuestion(context, { ...newMessage, text });
  if (newMessage.choices && newMessage.choices.length > 0)
    throw new GroundcrewError("bad_request", 'choices are for questions. Set kind to "ask", or leave choices out.');
  const { wish, wishes = [] } = newMessage;
  const queued = await queueMessage(context, telegram.chat, text, [...(wish === undefined ? [] : [wish]), ...wishes]);
  const open = await readOpenWishes(context.deps, context.caller.name);
  const open_wishes = open.map((one) => ({ wish: one.id, text: cleanLine(getWishText(one), OPEN_TEXT_LENGTH) }));
  return { ...queued, ...(open_wishes.length > 0 ? { open_wishes } : {}) };
}

/** Asks a question about no task, unless the same one is open or was asked within ten minutes. */
async function askQuestion(context: CallContext, newMessage: NewMessage) {
  if (newMessage.text.length > QUESTION_TEXT_LIMIT)
    throw new GroundcrewError("bad_request", `A question has at most ${QUESTION_TEXT_LIMIT} characters. Shorten text.`);
  const message = await findWishMessage(context.deps, context.caller.name, newMessage.wish ?? newMessage.wishes?.[0]);
  const { text, choices } = newMessage;
  const { id, verdict } = await askWithoutTask(context, { text, ...omitUndefined({ choices }) }, message);
  return { message: id, status: verdict ? ("answered" as const) : ("open" as const), answer: verdict?.comment };
}

/**
 * Stores the message in one commit with the job that sends it, so that it is sent once. The message after the end of a
 * plan for a wish is its summary, and closes the wish. A message about a wish replies to the person's message.
 */
async function queueMessage({ deps, ...context }: CallContext, chat: ChatId, text: string, wishes: readonly string[]) {
  const agent = context.caller.name;
  const texts = getTexts(deps.settings.locale).telegram;
  const rich = renderMessage(agent, text, texts);
  if (rich.text.length > MESSAGE_LIMIT - REPEAT_MARK_LENGTH)
    throw new GroundcrewError("bad_request", "text does not fit into one message of Telegram. Shorten it.");
  const id = await getIdempotencyKey({ deps, ...context }, "message", text, ...wishes);
  const key = workKeys.message(id);
  const result = { message: id, status: "queued" as const };
  return updateValue<MessageRecord, typeof result>(deps, key, async (stored) => {
    if (stored) return { result };
    const { message, ...answered } = await prepareAnsweredWishes(deps, agent, wishes);
    const value: MessageRecord = { id, agent, text, at: await deps.store.now() };
    const put = [{ key, value, expires: MESSAGE_RETENTION }];
    const reply = omitUndefined({ replyTo: message?.id, topic: message?.topic });
    const announcement = { rich, language: texts.locale, ...toSoundExtras("information"), ...reply };
    // Who wrote in their own chat is answered there.
    const jobs = [createAnnouncementJob(key, message?.chat ?? chat, announcement, context.correlation)];
    return { ...mergeUpdates([answered, { put, jobs, afterCommit: () => deps.notify() }]), result };
  });
}

/** Renders an agent's message: the headline names the agent, and nothing in the text is markup. */
function renderMessage(agent: string, text: string, { live, fromAgent, colon }: TelegramTexts): RichText {
  // The agent's name is in the headline, where no text of an agent can appear, so no agent can write in another's name.
  const author = toSafeText(agent, 80);
  const headline = joinRichText(["💬 ", toBold(live.message), ` ${fromAgent} `, author, colon.trimEnd()]);
  const lines = stripMarkdown(text)
    .replaceAll(/\n\s*\n/g, "\n\n")
    .split("\n");
  const safeLines = lines.map((line) => (line.trim() === "" ? toPlainText("") : toSafeText(line, line.length)));
  return joinRichText([headline, ...safeLines], "\n");
}
