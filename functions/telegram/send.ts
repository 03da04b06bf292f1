import type { Kept, Key, Put, Settlement } from "../../shared/store/port.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { alsoShown, type ChatMessage, type Delivery, messageKey, messagePut } from "../../shared/why/chat.ts";
import type { Told } from "./burst.ts";
import { type Attempt, attemptKey, BURST_KEPT, type Burst, chatKey, refreshJob, TOLD_KEPT, toldKey } from "./chat.ts";
import { message } from "./messages.ts";
import { type Posted, post } from "./post.ts";
import { type Threaded, threadOf } from "./thread.ts";
import { commitDone, DONE, type Work } from "./work.ts";

interface Sending {
  told: Told;
  correlations: string[];
  /** What an earlier try of this job left. */
  attempt: Kept<Attempt> | undefined;
  /** What is kept of the chat; the message takes its place. */
  burst: Kept<Burst> | undefined;
  /** Store time at which the burst began. */
  since: number;
  /** The message that is gone and sent anew: the new one takes its place in what is kept. */
  anew?: { record: Key; seen: ChatMessage["shown"] };
}

/** Sends the message of a burst, exactly once as far as Telegram allows. */
export async function send(work: Work, sending: Sending): Promise<Settlement> {
  const { told, attempt, correlations } = sending;
  const thread = await threadOf(work, told.count === 1 ? told.notices[0]?.facts.item?.id : undefined);
  return post(work, {
    attempt,
    fields: { notices: told.count, correlations },
    compose: (repeat) => ({ rich: message(told, work.look, repeat), extras: thread.extras }),
    sent: (posted) => sent(work, { ...sending, thread }, posted),
  });
}

async function sent(
  work: Work,
  sending: Sending & { thread: Threaded },
  { rich, messageId, repeat }: Posted,
): Promise<Settlement> {
  const { job, chat, deps } = work;
  const { told, since, anew, correlations, thread } = sending;
  const record = anew?.record ?? messageKey(chat, messageId, since);
  const seen = alsoShown(anew?.seen ?? [], told.count, deps.clock());
  let burst: Burst = { messageId, since, told, shown: told.count, repeat, correlations: [], record };
  let rev = sending.burst?.rev ?? 0;
  for (;;) {
    const at = burst.told.count > burst.shown ? (await deps.store.now()) + work.gather : undefined;
    const outcome = await commitDone(work, {
      expect: [
        [chatKey(chat), rev],
        [toldKey(job), 0],
      ],
      put: [
        at === undefined
          ? { key: chatKey(chat), value: burst, expires: BURST_KEPT }
          : { key: chatKey(chat), value: { ...burst, refreshAt: at } },
        { key: toldKey(job), value: { in: messageId, record, notice: 1 } satisfies Delivery, expires: TOLD_KEPT },
        asSeen(work, burst, rich, seen),
        ...thread.put(messageId),
        { key: attemptKey(job), value: undefined },
      ],
      jobs: at === undefined ? [] : [refreshJob(chat, messageId, `after.${job.token}`, at, correlations.at(-1) ?? "")],
    });
    if (outcome === "kept") {
      if (at !== undefined) deps.kick({ queue: job.queue, after: work.gather });
      return DONE;
    }
    const [done, kept] = await deps.store.read<Burst>([toldKey(job), chatKey(chat)]);
    if (done) return DONE;
    rev = kept?.rev ?? 0;
    // What was folded into the message that is gone is shown by an edit of the one that took its place.
    if (anew && kept && kept.value.messageId === sending.burst?.value.messageId) {
      const waiting = kept.value.correlations.filter((one) => !correlations.includes(one));
      burst = { ...burst, told: kept.value.told, correlations: waiting };
    }
  }
}

/** The burst's message as people see it now, for the page. */
export function asSeen({ chat }: Work, burst: Burst, rich: RichText, shown: ChatMessage["shown"]): Put {
  const { record, messageId, since, repeat } = burst;
  return messagePut(record, { ...rich, chat: String(chat), messageId, at: since, repeat, shown });
}
