import type { Ms, Settlement } from "../../shared/store/port.ts";
import type { Button } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { alsoShown, type ChatMessage, type Delivery, messagePut, type Sent, sentKey } from "../../shared/why/chat.ts";
import { answer } from "./answer.ts";
import { type Attempt, attemptKey, TOLD_KEPT, toldKey } from "./chat.ts";
import { holdChat, room } from "./limits.ts";
import type { ShowBody } from "./notice.ts";
import { again, why } from "./post.ts";
import { commitDone, DONE, delayAfter, later, type Work } from "./work.ts";

/** Lets a message say something else: an edit, which done twice is done once. A message that is gone is sent anew. */
export async function show(work: Work, body: ShowBody): Promise<Settlement> {
  const { deps, bot, job, chat } = work;
  const { messageId, rich, buttons, topic, language } = body.show;
  const [told] = await deps.store.read([toldKey(job)]);
  if (told) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  if (attempt?.value.anew) {
    const anew = { rich, language, ...(buttons && { buttons }), ...(topic !== undefined && { topic }) };
    return answer(work, { answer: anew, correlation: body.correlation });
  }
  const wait = await room(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  if (!work.inTime()) return later(work, 0);
  const outcome = await bot.edit(chat, messageId, rich, buttons ? { buttons } : {});
  const fields = { job: job.id, chat: String(chat), messageId, correlation: body.correlation };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    return edited(work, body);
  }
  if (outcome.kind === "gone") {
    deps.log.info("telegram message is gone, it is sent anew", { ...fields, reason: outcome.reason });
    return again(work, attempt, { anew: true }, 0);
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...why(outcome) });
  if (outcome.kind === "wait") {
    await holdChat(deps.store, chat, outcome.ms);
    return later(work, outcome.ms);
  }
  if (outcome.kind === "refused" && outcome.lasting) return again(work, attempt, { anew: true }, 0);
  const failures = attempt?.value.failures ?? 0;
  return again(work, attempt, { failures: failures + 1 }, delayAfter(failures));
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
