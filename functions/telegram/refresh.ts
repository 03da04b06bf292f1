import type { Kept, Put, Settlement } from "../../shared/store/port.ts";
import { alsoShown, type ChatMessage } from "../../shared/why/chat.ts";
import {
  ATTEMPT_KEPT,
  type Attempt,
  attemptKey,
  BURST_KEPT,
  type Burst,
  chatKey,
  NO_ATTEMPT,
  toldKey,
} from "./chat.ts";
import { holdChat, room } from "./limits.ts";
import { message } from "./messages.ts";
import type { Refresh } from "./notice.ts";
import { asSeen, send, why } from "./send.ts";
import { refreshJob } from "./tell.ts";
import { commitDone, DONE, delayAfter, later, type Work } from "./work.ts";

/** Brings the burst's message up to date; a message that is gone is sent anew. */
export async function refresh(work: Work, { refresh: { messageId }, correlation }: Refresh): Promise<Settlement> {
  const { deps, bot, job, chat, look } = work;
  const [told] = await deps.store.read([toldKey(job)]);
  const [kept] = await deps.store.read<Burst>([chatKey(chat)]);
  const burst = kept?.value;
  if (told || !burst || burst.messageId !== messageId || burst.shown >= burst.told.count) return DONE;
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  if (attempt?.value.anew) return anew(work, kept, attempt);

  const seen = await seenBefore(work, burst);
  const wait = await room(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  if (!work.inTime()) return later(work, 0);
  const shown = message(burst.told, look, burst.repeat);
  const outcome = await bot.edit(chat, messageId, shown);
  const {
    correlations,
    told: { count },
  } = burst;
  const fields = { job: job.id, chat: String(chat), messageId, notices: count, correlations };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    return edited(work, kept, (now) => asSeen(work, now, shown, alsoShown(seen, count, deps.clock())), correlation);
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
  // This edit will never be taken; perhaps a message is.
  if (outcome.kind === "refused" && outcome.lasting) return again(work, attempt, { anew: true }, 0);
  const failures = attempt?.value.failures ?? 0;
  return again(work, attempt, { failures: failures + 1 }, delayAfter(failures));
}

/** Comes back after `wait`, knowing what this try has learnt. */
async function again(work: Work, attempt: Kept<Attempt> | undefined, learnt: Partial<Attempt>, wait: number) {
  const key = attemptKey(work.job);
  const value: Attempt = { ...(attempt?.value ?? NO_ATTEMPT), ...learnt };
  await work.deps.store.commit({ expect: [[key, attempt?.rev ?? 0]], put: [{ key, value, expires: ATTEMPT_KEPT }] });
  return later(work, wait);
}

async function edited(
  work: Work,
  kept: Kept<Burst>,
  asSeenNow: (burst: Burst) => Put,
  correlation: string,
): Promise<Settlement> {
  const { deps, job, chat } = work;
  const key = chatKey(chat);
  const { refreshAt: _, ...before } = kept.value;
  const shown = before.told.count;
  const burst: Burst = { ...before, shown, correlations: [] };
  const outcome = await commitDone(work, {
    expect: [[key, kept.rev]],
    put: [{ key, value: burst, expires: BURST_KEPT }, asSeenNow(burst), { key: attemptKey(job), value: undefined }],
  });
  if (outcome === "kept") return DONE;
  // Somebody else went on while this try slept: the message may now show less than it did.
  const [current] = await deps.store.read<Burst>([key]);
  if (!current || current.value.messageId !== burst.messageId || current.value.told.count <= shown) return DONE;
  const now = await deps.store.now();
  // Stale: somebody is at it at this moment, and shows it all.
  await deps.store.commit({
    expect: [[key, current.rev]],
    put: [{ key, value: { ...current.value, shown: Math.min(shown, current.value.shown), refreshAt: now } }],
    jobs: [refreshJob(work, burst.messageId, `late.${job.token}`, now, correlation)],
  });
  return DONE;
}

async function anew(work: Work, kept: Kept<Burst>, attempt: Kept<Attempt> | undefined): Promise<Settlement> {
  const { told, since, correlations, record } = kept.value;
  const seen = await seenBefore(work, kept.value);
  const settled = await send(work, { told, correlations, attempt, burst: kept, since, anew: { record, seen } });
  if ("dead" in settled) await forgetRefresh(work, kept);
  return settled;
}

async function seenBefore({ deps }: Work, { record }: Burst): Promise<ChatMessage["shown"]> {
  const [kept] = await deps.store.read<ChatMessage>([record]);
  return kept?.value.shown ?? [];
}

/** The refresh is set aside: the next notice of this chat asks for another one, which shows all there is. */
async function forgetRefresh({ deps, chat }: Work, { value, rev }: Kept<Burst>): Promise<void> {
  const { refreshAt: _, ...burst } = value;
  await deps.store.commit({ expect: [[chatKey(chat), rev]], put: [{ key: chatKey(chat), value: burst }] });
}
