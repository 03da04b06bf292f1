import type { Ms, Settlement } from "../../shared/store/port.ts";
import type { Button } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { alsoShown, type ChatMessage, type Delivery, messagePut, type Sent, sentKey } from "../../shared/why/chat.ts";
import { answer } from "./answer.ts";
import { type Attempt, attemptKey, TOLD_KEPT, toldKey } from "./chat.ts";
import { edit } from "./edit.ts";
import { room } from "./limits.ts";
import type { ShowBody } from "./notice.ts";
import { commitDone, DONE, type Work } from "./work.ts";

/** Lets a message say something else: an edit, which done twice is done once. A message that is gone is sent anew. */
export async function show(work: Work, body: ShowBody): Promise<Settlement> {
  const { deps, job } = work;
  const { messageId, rich, buttons, topic, language } = body.show;
  const [told] = await deps.store.read([toldKey(job)]);
  if (told) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  if (attempt?.value.anew) {
    const anew = { rich, language, ...(buttons && { buttons }), ...(topic !== undefined && { topic }) };
    return answer(work, { answer: anew, correlation: body.correlation });
  }
  return edit(work, {
    ...{ attempt, messageId, rich, buttons, roomFor: room },
    fields: { correlation: body.correlation },
    edited: () => edited(work, body),
  });
}

/** Keeps that it was done, and the message as people see it now. */
async function edited(work: Work, { show: { messageId, rich, buttons } }: ShowBody): Promise<Settlement> {
  const { deps, job, chat } = work;
  const [sent] = await deps.store.read<Sent>([sentKey(chat, messageId)]);
  const record = sent?.value.record ?? sentKey(chat, messageId);
  const [kept] = await deps.store.read<ChatMessage>([record]);
  const delivery: Delivery = { in: messageId, record, notice: 1 };
  const put = [
    { key: toldKey(job), value: delivery, expires: TOLD_KEPT },
    { key: attemptKey(job), value: undefined },
  ];
  const now = sent && kept && nowSaying(kept.value, rich, buttons, deps.clock());
  await commitDone(work, { expect: [[toldKey(job), 0]], put: now ? [...put, messagePut(record, now)] : put });
  return DONE;
}

function nowSaying(
  { buttons: _, ...before }: ChatMessage,
  rich: RichText,
  buttons: Button[][] | undefined,
  at: Ms,
): ChatMessage {
  const [notices = 1] = before.shown.at(-1) ?? [];
  return { ...before, ...rich, ...(buttons && { buttons }), shown: alsoShown(before.shown, notices, at) };
}
