import type { Ms, Settlement } from "../../shared/store/port.ts";
import { cut, join, MESSAGE_LIMIT, plain, type RichText } from "../../shared/telegram/text.ts";
import { type Delivery, messageKey, messagePut, type Sent, sentKey } from "../../shared/why/chat.ts";
import { type Attempt, attemptKey, TOLD_KEPT, toldKey } from "./chat.ts";
import { textsOf } from "./locales/say.ts";
import type { AnswerBody } from "./notice.ts";
import { type Posted, post } from "./post.ts";
import { commitDone, DONE, type Work } from "./work.ts";

/** Says something to people, once: only a sending whose answer never came is repeated, and the repeat says so. */
export async function answer(work: Work, body: AnswerBody): Promise<Settlement> {
  const { store } = work.deps;
  const { answer: given, correlation } = body;
  const [told] = await store.read([toldKey(work.job)]);
  if (told) return DONE;
  const [attempt] = await store.read<Attempt>([attemptKey(work.job)]);
  // Read before the call: an end between the call and its record doubles the message.
  const at = await store.now();
  const { buttons, replyTo, topic } = given;
  const extras = { ...(buttons && { buttons }), ...(replyTo !== undefined && { replyTo }) };
  return post(work, {
    attempt,
    fields: { correlation },
    compose: (repeat) => ({
      rich: repeat ? marked(given.rich, textsOf(given.language).repeat) : given.rich,
      extras: { ...extras, ...(topic !== undefined && { topic }) },
    }),
    sent: (posted) => sent(work, body, posted, at),
  });
}

async function sent(work: Work, { answer: { buttons } }: AnswerBody, posted: Posted, at: Ms): Promise<Settlement> {
  const { deps, job, chat } = work;
  const { rich, messageId, repeat } = posted;
  const record = messageKey(chat, messageId, at);
  const seen = { ...rich, chat: String(chat), messageId, at, repeat };
  await commitDone(work, {
    expect: [[toldKey(job), 0]],
    put: [
      { key: toldKey(job), value: { in: messageId, record, notice: 1 } satisfies Delivery, expires: TOLD_KEPT },
      { key: sentKey(chat, messageId), value: { record } satisfies Sent, expires: TOLD_KEPT },
      messagePut(record, { ...seen, shown: [[1, deps.clock()]], ...(buttons && { buttons }) }),
      { key: attemptKey(job), value: undefined },
    ],
  });
  return DONE;
}

/** With the mark of a message that may be there twice. */
export function marked(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return join([cut(rich, MESSAGE_LIMIT - mark.length), plain(mark)]);
}
