import type { Kept, Put, Settlement } from "../../shared/store/port.ts";
import { alsoShown, type ChatMessage } from "../../shared/why/chat.ts";
import { type Attempt, attemptKey, BURST_KEPT, type Burst, chatKey, refreshJob, toldKey } from "./chat.ts";
import { edit } from "./edit.ts";
import { noticeRoom } from "./limits.ts";
import { message } from "./messages.ts";
import type { Refresh } from "./notice.ts";
import { asSeen, send } from "./send.ts";
import { commitDone, DONE, type Work } from "./work.ts";

/** Brings the burst's message up to date; a message that is gone is sent anew. */
export async function refresh(work: Work, { refresh: { messageId }, correlation }: Refresh): Promise<Settlement> {
  const { deps, job, chat, look } = work;
  const [told] = await deps.store.read([toldKey(job)]);
  const [kept] = await deps.store.read<Burst>([chatKey(chat)]);
  const burst = kept?.value;
  if (told || !burst || burst.messageId !== messageId || burst.shown >= burst.told.count) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  if (attempt?.value.anew) return anew(work, kept, attempt, correlation);

  const seen = await seenBefore(work, burst);
  const rich = message(burst.told, look, burst.repeat);
  const { count } = burst.told;
  return edit(work, {
    ...{ attempt, messageId, rich, roomFor: noticeRoom },
    fields: { notices: count, correlations: burst.correlations },
    edited: () =>
      edited(work, kept, (now) => asSeen(work, now, rich, alsoShown(seen, count, deps.clock())), correlation),
  });
}

/**
 * Keeps what the message shows now. What was folded in during the call is shown by another edit. When another process
 * has edited the message since it was read here, nobody can tell which edit came last: it is edited again.
 */
async function edited(
  work: Work,
  kept: Kept<Burst>,
  asSeenNow: (burst: Burst) => Put,
  correlation: string,
): Promise<Settlement> {
  const { deps, job, chat } = work;
  const key = chatKey(chat);
  const shown = kept.value.told.count;
  for (let seen = kept; ; ) {
    const { refreshAt: _, ...before } = seen.value;
    const edits = (before.edits ?? 0) + 1;
    const isLate = before.edits !== kept.value.edits;
    const wait = isLate ? 0 : before.told.count > shown ? work.gather : undefined;
    const at = wait === undefined ? undefined : (await deps.store.now()) + wait;
    const next: Burst = isLate
      ? { ...before, edits, shown: Math.min(shown, before.shown) }
      : { ...before, edits, shown, correlations: without(before.correlations, kept.value.correlations) };
    const outcome = await commitDone(work, {
      expect: [[key, seen.rev]],
      put: [
        at === undefined ? { key, value: next, expires: BURST_KEPT } : { key, value: { ...next, refreshAt: at } },
        ...(isLate ? [] : [asSeenNow(next), { key: attemptKey(job), value: undefined }]),
      ],
      jobs: at === undefined ? [] : [refreshJob(chat, next.messageId, `after.${job.token}`, at, correlation)],
    });
    if (outcome === "kept") {
      if (wait !== undefined) deps.kick({ queue: job.queue, after: wait });
      return DONE;
    }
    const [current] = await deps.store.read<Burst>([key]);
    if (!current || current.value.messageId !== next.messageId || current.value.told.count <= shown) return DONE;
    seen = current;
  }
}

const without = (all: readonly string[], some: readonly string[]) => all.filter((one) => !some.includes(one));

async function anew(
  work: Work,
  kept: Kept<Burst>,
  attempt: Kept<Attempt> | undefined,
  correlation: string,
): Promise<Settlement> {
  const { told, since, correlations, record } = kept.value;
  const seen = await seenBefore(work, kept.value);
  const settled = await send(work, { told, correlations, attempt, burst: kept, since, anew: { record, seen } });
  if ("dead" in settled) await forgetRefresh(work, kept, correlation);
  return settled;
}

async function seenBefore({ deps }: Work, { record }: Burst): Promise<ChatMessage["shown"]> {
  const [kept] = await deps.store.read<ChatMessage>([record]);
  return kept?.value.shown ?? [];
}

/** The refresh is set aside: what else there is to show asks for another one, which shows all there is. */
async function forgetRefresh(work: Work, kept: Kept<Burst>, correlation: string): Promise<void> {
  const { deps, job, chat } = work;
  const key = chatKey(chat);
  for (let seen: Kept<Burst> | undefined = kept; seen?.value.messageId === kept.value.messageId; ) {
    const { refreshAt: _, ...burst } = seen.value;
    const more = burst.told.count > kept.value.told.count;
    const at = (await deps.store.now()) + work.gather;
    const outcome = await deps.store.commit({
      expect: [[key, seen.rev]],
      put: [{ key, value: more ? { ...burst, refreshAt: at } : burst }],
      jobs: more ? [refreshJob(chat, burst.messageId, `after.${job.token}`, at, correlation)] : [],
    });
    if (outcome === "kept") return;
    [seen] = await deps.store.read<Burst>([key]);
  }
}
