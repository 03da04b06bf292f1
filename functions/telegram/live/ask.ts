import { keys } from "../../../shared/observe/keys.ts";
import type { Settlement } from "../../../shared/store/port.ts";
import type { Body } from "../../../shared/task/events.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { lookJob } from "../../../shared/telegram/look.ts";
import { type Delivery, messageKey, messagePut, type Sent, sentKey } from "../../../shared/why/chat.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import type { KeptReview } from "../../../shared/work/review-record.ts";
import { type Attempt, attemptKey, TOLD_KEPT, toldKey } from "../chat.ts";
import { type Posted, post } from "../post.ts";
import { type Threaded, threadOf } from "../thread.ts";
import { commitDone, DONE, type Work } from "../work.ts";
import {
  type Asked,
  buttonsOf,
  hashOf,
  type Live,
  livePut,
  livesOf,
  messageOf,
  type Review,
  type Subject,
  type View,
} from "./kept.ts";
import { seenOf } from "./seen.ts";
import { said, viewOf } from "./view.ts";

/** Asks the human: a message of its own, never folded, that waits for an answer or a verdict. Sent exactly once. */
export async function ask(
  work: Work,
  { event, facts, correlation }: Body & { event: Asked | Review },
): Promise<Settlement> {
  const { deps, job } = work;
  const [told] = await deps.store.read([toldKey(job)]);
  if (told || !facts.item) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  const { id, key, title, url } = facts.item;
  const live = await liveFor(work, event, { id, key, title, url });
  const view = await viewOf(work, live);
  // What is over needs no asking again; that it was asked is told.
  if (view.over && !attempt && event.kind === "asked" && event.reminder > 0) return DONE;
  const thread = await threadFor(work, event, id);
  return post(work, {
    attempt,
    fields: { correlation, asks: event.kind },
    compose: (repeat) => ({ rich: said(work, view, repeat), extras: { ...thread.extras, ...buttonsOf(view) } }),
    sent: (posted) => sent(work, { live, view, thread, correlation }, posted),
  });
}

async function liveFor({ deps }: Work, event: Asked | Review, subject: Subject): Promise<Live> {
  const common = { subject, shown: "", repeat: false };
  if (event.kind === "asked") return { ...common, event };
  const [[kept], [item]] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(subject.id)]),
    deps.store.read<KeptItem>([keys.item(subject.id)]),
  ]);
  return { ...common, event, review: kept?.value.id ?? "", seen: item ? await seenOf(item.value.snapshot) : {} };
}

/** A reminder answers the question it reminds of. */
async function threadFor(work: Work, event: Asked | Review, item: string): Promise<Threaded> {
  const thread = await threadOf(work, item);
  if (event.kind !== "asked" || event.reminder === 0) return thread;
  const rows = await livesOf(work.deps.store, work.chat, item);
  const of = rows.filter(({ value }) => value.event.kind === "asked" && value.event.question === event.question);
  const [first] = of.map((row) => messageOf(row.key)).sort((a, b) => a - b);
  return first === undefined ? thread : { ...thread, extras: { replyTo: first } };
}

async function sent(
  work: Work,
  { live, view, thread, correlation }: { live: Live; view: View; thread: Threaded; correlation: string },
  { rich, messageId, repeat }: Posted,
): Promise<Settlement> {
  const { deps, job, chat } = work;
  const at = await deps.store.now();
  const record = messageKey(chat, messageId, at);
  const shown = await hashOf({ rich, ...buttonsOf(view) });
  const seen = { ...rich, chat: String(chat), messageId, at, repeat, ...buttonsOf(view) };
  await commitDone(work, {
    expect: [[toldKey(job), 0]],
    put: [
      { key: toldKey(job), value: { in: messageId, record, notice: 1 } satisfies Delivery, expires: TOLD_KEPT },
      { key: sentKey(chat, messageId), value: { record } satisfies Sent, expires: TOLD_KEPT },
      messagePut(record, { ...seen, shown: [[1, deps.clock()]] }),
      livePut(chat, messageId, { ...live, shown, repeat }, view.over),
      ...thread.put(messageId),
      { key: attemptKey(job), value: undefined },
    ],
    // What became of it while it was on its way is shown by another look.
    jobs: view.over ? [] : [lookJob(chat, live.subject.id, `sent.${messageId}`, correlation)],
  });
  return DONE;
}
