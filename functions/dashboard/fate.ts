import type { Deps } from "../../shared/deps.ts";
import type { Key, Ms } from "../../shared/store/port.ts";
import {
  beganAt,
  type ChatMessage,
  type Delivery,
  deliveryKey,
  type Receipt,
  receiptKey,
  seenAt,
} from "../../shared/why/chat.ts";
import type { Asked } from "../../shared/why/trail.ts";

/** What became of an action. */
export type Fate =
  /** It waits for its turn, or for Telegram. */
  | { is: "waiting" }
  /** It will be in a message that is there already, with its next edit. */
  | { is: "folded"; message: Key }
  | { is: "delivered"; at: Ms; message?: Key; repeat?: true }
  | { is: "set_aside"; reason: string }
  /** Somebody has muted what it is about. */
  | { is: "muted" }
  /** It is Groundcrew's own work from here on: what comes of it is told where it happens. */
  | { is: "passed_on" };

/** What goes through these queues leaves no receipt. */
const INSIDE: readonly Asked["queue"][] = ["work", "wake"];

/** So many dead letters are looked through, oldest first. */
const DEAD = 1_000;

/** Looks up by job id what became of actions. Three reads, whatever their number. */
export function createFates({ store }: Pick<Deps, "store">): (asked: readonly Asked[]) => Promise<Map<string, Fate>> {
  return async (asked) => {
    const told = asked.filter(({ queue }) => queue === "outbox");
    const sent = asked.filter(({ queue }) => queue === "forward");
    const [deliveries, receipts] = await Promise.all([
      store.read<Delivery>(told.map(({ job }) => deliveryKey(job))),
      store.read<Receipt>(sent.map(({ job }) => receiptKey(job))),
    ]);
    const records = [
      ...new Set(deliveries.flatMap((delivery) => (delivery && !delivery.value.muted ? delivery.value.record : []))),
    ];
    const read = await store.read<ChatMessage>(records);
    const messages = new Map(records.map((record, i) => [record, read[i]?.value]));
    const fates = new Map<string, Fate>();
    told.forEach(({ job }, i) => {
      const delivery = deliveries[i]?.value;
      if (delivery)
        fates.set(job, delivery.muted ? { is: "muted" } : inMessage(delivery, messages.get(delivery.record)));
    });
    sent.forEach(({ job }, i) => {
      const receipt = receipts[i]?.value;
      if (receipt) fates.set(job, { is: "delivered", at: receipt.at });
    });
    const open = asked.filter(({ job }) => !fates.has(job));
    if (open.length === 0) return fates;
    const dead = await Promise.all((["outbox", "forward", ...INSIDE] as const).map((queue) => store.dead(queue, DEAD)));
    const reasons = new Map(dead.flat().map(({ queue, id, reason }) => [`${queue} ${id}`, reason]));
    for (const { job, queue } of open) {
      const reason = reasons.get(`${queue} ${job}`);
      if (reason !== undefined) fates.set(job, { is: "set_aside", reason });
      else fates.set(job, { is: INSIDE.includes(queue) ? "passed_on" : "waiting" });
    }
    return fates;
  };
}

function inMessage({ record, notice }: Delivery, message: ChatMessage | undefined): Fate {
  // Messages are kept no longer than there is room for; the time at which one began is in its key.
  if (!message) return { is: "delivered", at: beganAt(record) };
  const at = seenAt(message, notice);
  if (at === undefined) return { is: "folded", message: record };
  return { is: "delivered", at, message: record, ...(message.repeat && { repeat: true }) };
}
