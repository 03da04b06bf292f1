import type { Kept, Ms, Settlement } from "../../shared/store/port.ts";
import type { Body } from "../../shared/task/events.ts";
import type { Delivery } from "../../shared/why/chat.ts";
import { NOTHING, withNotice } from "./burst.ts";
import { type Attempt, attemptKey, type Burst, chatKey, refreshJob, TOLD_KEPT, toldKey } from "./chat.ts";
import { mutesOf } from "./mutes.ts";
import { send } from "./send.ts";
import { DONE, later, type Work } from "./work.ts";

/** A refresh that is overdue by this much is taken for lost (set aside, say) and asked for again. */
const OVERDUE = 60_000;
const CORRELATIONS = 20;

/** One notice: folded into the open burst's message, else a message that opens a burst. */
export async function tell(work: Work, notice: Body): Promise<Settlement> {
  const { store } = work.deps;
  const [told, ...mutes] = await store.read([toldKey(work.job), ...mutesOf(notice)]);
  if (told) return DONE;
  const [attempt] = await store.read<Attempt>([attemptKey(work.job)]);
  if (!attempt && mutes.some((mute) => mute !== undefined)) return silence(work, notice);
  const [kept] = await store.read<Burst>([chatKey(work.chat)]);
  const now = await store.now();
  // A sending that was begun is seen to its end: the message may be there.
  if (!attempt && kept && accepts(kept.value, now, work.burst)) return fold(work, notice, kept, now);
  return send(work, {
    told: withNotice(NOTHING, notice),
    correlations: [notice.correlation],
    attempt,
    burst: kept,
    since: now,
  });
}

/** Somebody muted what it is about: nothing is said, and the page tells why. */
async function silence({ deps, job, chat }: Work, { correlation }: Body): Promise<Settlement> {
  const delivery: Delivery = { in: 0, record: toldKey(job), notice: 0, muted: true };
  await deps.store.commit({
    expect: [[toldKey(job), 0]],
    put: [{ key: toldKey(job), value: delivery, expires: TOLD_KEPT }],
  });
  deps.log.info("telegram notice muted", { job: job.id, chat: String(chat), correlation });
  return DONE;
}

/** Also while there is something to show: what was folded must not be lost by opening another burst. */
function accepts({ since, shown, told }: Burst, now: number, window: number): boolean {
  return shown < told.count || now < since + window;
}

async function fold(work: Work, notice: Body, { value: burst, rev }: Kept<Burst>, now: Ms): Promise<Settlement> {
  const { deps, job, chat } = work;
  const told = withNotice(burst.told, notice);
  const asked = burst.refreshAt !== undefined && now <= burst.refreshAt + OVERDUE;
  const refreshAt = asked ? burst.refreshAt : now + work.gather;
  const correlations = [...burst.correlations, notice.correlation].slice(-CORRELATIONS);
  const delivery: Delivery = { in: burst.messageId, record: burst.record, notice: told.count };
  const outcome = await deps.store.commit({
    expect: [
      [chatKey(chat), rev],
      [toldKey(job), 0],
    ],
    put: [
      { key: chatKey(chat), value: { ...burst, told, refreshAt, correlations } },
      { key: toldKey(job), value: delivery, expires: TOLD_KEPT },
    ],
    jobs: asked ? [] : [refreshJob(chat, burst.messageId, String(told.count), now + work.gather, notice.correlation)],
  });
  // The message was edited, or somebody else had this job in the meantime; the next look tells.
  if (outcome !== "kept") return later(work, 0);
  const { correlation } = notice;
  deps.log.info("telegram notice folded", { job: job.id, chat: String(chat), messageId: burst.messageId, correlation });
  if (!asked) deps.kick({ queue: job.queue, after: work.gather });
  return DONE;
}
