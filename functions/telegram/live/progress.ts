import type { Kept, Key, Ms, Settlement } from "../../../shared/store/port.ts";
import type { Chat } from "../../../shared/telegram/bot.ts";
import { messageKey, messagePut, type Sent, sentKey } from "../../../shared/why/chat.ts";
import { type Attempt, attemptKey, TOLD_KEPT } from "../chat.ts";
import { afterFailure, isLasting } from "../edit.ts";
import { spareRoom } from "../limits.ts";
import { muteKey } from "../mutes.ts";
import { type Posted, post, why } from "../post.ts";
import { type Threaded, threadOf } from "../thread.ts";
import { commitDone, DONE, later, type Work } from "../work.ts";
import { editedPuts } from "./edited.ts";
import { hashOf, type View } from "./kept.ts";
import { isHeardHere } from "./lines.ts";
import { runningView } from "./running.ts";
import { said } from "./view.ts";

/** At most one edit of a message in so long (NOTIF-07). */
const PACE_MS: Ms = 5_000;

/** The message that follows a task: one, however often the task is taken up. */
interface KeptProgress {
  messageId: number;
  /** Hash of what it says. */
  shown: string;
  repeat: boolean;
  /** Store time of the last call. */
  at: Ms;
  /** Somebody deleted it: they do not want to see it. */
  quiet?: true;
}

/** As long as anything is remembered; each edit begins it anew. */
const KEPT_MS: Ms = TOLD_KEPT;

const progressKey = (chat: Chat, item: string): Key => `progress:${chat}:${item}`;

/** Shows how a task is getting on: a message once it is begun, edited in place, still when nobody is at it any more. */
export async function followed(work: Work, item: string, correlation: string): Promise<Settlement> {
  const { deps, chat, job } = work;
  if (!deps.settings.progress || !isHeardHere(work)) return DONE;
  const [kept] = await deps.store.read<KeptProgress>([progressKey(chat, item)]);
  if (kept?.value.quiet) return DONE;
  const view = await runningView(work, item);
  if (!view || (await isMuted(work, item, view.project))) return DONE;
  if (kept) return edit(work, { item, kept, view, correlation });
  if (view.over || !view.isBegun) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  const thread = await threadOf(work, item);
  return post(work, {
    attempt,
    spare: true,
    fields: { correlation },
    compose: (repeat) => ({ rich: said(work, view, repeat), extras: thread.extras }),
    sent: (posted) => sent(work, { item, thread }, posted),
  });
}

async function sent(
  work: Work,
  { item, thread }: { item: string; thread: Threaded },
  { rich, messageId, repeat }: Posted,
): Promise<Settlement> {
  const { deps, job, chat } = work;
  const at = await deps.store.now();
  const record = messageKey(chat, messageId, at);
  const value: KeptProgress = { messageId, shown: await hashOf({ rich }), repeat, at };
  await commitDone(work, {
    expect: [[progressKey(chat, item), 0]],
    put: [
      { key: progressKey(chat, item), value, expires: KEPT_MS },
      { key: sentKey(chat, messageId), value: { record } satisfies Sent, expires: TOLD_KEPT },
      messagePut(record, { ...rich, chat: String(chat), messageId, at, repeat, shown: [[1, deps.clock()]] }),
      ...thread.put(messageId),
      { key: attemptKey(job), value: undefined },
    ],
  });
  return DONE;
}

async function isMuted({ deps }: Work, ...what: string[]): Promise<boolean> {
  return (await deps.store.read(what.map(muteKey))).some((mute) => mute !== undefined);
}

interface Editing {
  item: string;
  kept: Kept<KeptProgress>;
  view: View;
  correlation: string;
}

async function edit(work: Work, { item, kept, view, correlation }: Editing): Promise<Settlement> {
  const { deps, bot, job, chat } = work;
  const { messageId, repeat } = kept.value;
  const now = { ...view, rich: said(work, view, repeat) };
  const shown = await hashOf(now);
  if (shown === kept.value.shown) return DONE;
  const early = kept.value.at + PACE_MS - (await deps.store.now());
  if (early > 0) return later(work, early);
  const wait = await spareRoom(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  if (!work.inTime()) return later(work, 0);
  const outcome = await bot.edit(chat, messageId, now.rich);
  const fields = { job: job.id, chat: String(chat), messageId, correlation };
  const keep = async (value: KeptProgress, puts = true) =>
    commitDone(work, {
      expect: [[progressKey(chat, item), kept.rev]],
      put: [
        { key: progressKey(chat, item), value, expires: KEPT_MS },
        ...(puts ? await editedPuts(work, messageId, now) : []),
        { key: attemptKey(job), value: undefined },
      ],
    });
  if (outcome.kind === "edited") {
    deps.log.debug("telegram progress edited", fields);
    await keep({ ...kept.value, shown, at: await deps.store.now() });
    return DONE;
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...why(outcome) });
  if (isLasting(outcome)) {
    await keep({ ...kept.value, quiet: true }, false);
    return DONE;
  }
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  return afterFailure(work, attempt, outcome);
}
