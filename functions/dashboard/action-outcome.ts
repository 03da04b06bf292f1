import type { Deps } from "../../shared/app/deps.ts";
import type { RequestedAction } from "../../shared/decision-log/decision-log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { type ForwardReceipt, forwardReceiptKey } from "../../shared/outgoing/forward-receipt.ts";
import {
  type ChatMessage,
  findShownAt,
  parseMessageStart,
  type TelegramDelivery,
  telegramDeliveryKey,
} from "../../shared/telegram/message-log.ts";
import type { ActionOutcome } from "./api-answers.ts";

/** What goes through these queues leaves no receipt. */
const INTERNAL_QUEUES: readonly RequestedAction["queue"][] = ["work", "wake"];

/** So many dead letters are looked through, oldest first. */
const MAX_DEAD_LETTERS = 1_000;

/** Looks up by job id what became of actions. Three reads, whatever their number. */
export function createOutcomeReader({
  store,
}: Pick<Deps, "store">): (actions: readonly RequestedAction[]) => Promise<Map<string, ActionOutcome>> {
  return async (actions) => {
    const notifications = actions.filter(({ queue }) => queue === "outbox");
    const forwards = actions.filter(({ queue }) => queue === "forward");
    const [deliveries, receipts] = await Promise.all([
      store.read<TelegramDelivery>(notifications.map(({ job }) => telegramDeliveryKey(job))),
      store.read<ForwardReceipt>(forwards.map(({ job }) => forwardReceiptKey(job))),
    ]);
    const records = [
      ...new Set(deliveries.flatMap((delivery) => (delivery && !delivery.value.muted ? delivery.value.record : []))),
    ];
    const messageRows = await store.read<ChatMessage>(records);
    const messages = new Map(records.map((record, i) => [record, messageRows[i]?.value]));
    const outcomes = new Map<string, ActionOutcome>();
    notifications.forEach(({ job }, i) => {
      const delivery = deliveries[i]?.value;
      if (delivery)
        outcomes.set(job, delivery.muted ? { is: "muted" } : toMessageOutcome(delivery, messages.get(delivery.record)));
    });
    forwards.forEach(({ job }, i) => {
      const receipt = receipts[i]?.value;
      if (receipt) outcomes.set(job, { is: "delivered", at: receipt.at });
    });
    const unresolved = actions.filter(({ job }) => !outcomes.has(job));
    if (unresolved.length === 0) return outcomes;
    const dead = await Promise.all(
      (["outbox", "forward", ...INTERNAL_QUEUES] as const).map((queue) => store.listDeadJobs(queue, MAX_DEAD_LETTERS)),
    );
    const reasons = new Map(dead.flat().map(({ queue, id, reason }) => [`${queue} ${id}`, reason]));
    for (const { job, queue } of unresolved) {
      const reason = reasons.get(`${queue} ${job}`);
      if (reason !== undefined) outcomes.set(job, { is: "set_aside", reason });
      else outcomes.set(job, { is: INTERNAL_QUEUES.includes(queue) ? "passed_on" : "waiting" });
    }
    return outcomes;
  };
}

function toMessageOutcome({ record, notice }: TelegramDelivery, message: ChatMessage | undefined): ActionOutcome {
  // Messages are kept no longer than there is room for; the time at which one began is in its key.
  if (!message) return { is: "delivered", at: parseMessageStart(record) };
  const at = findShownAt(message, notice);
  if (at === undefined) return { is: "folded", message: record };
  return { is: "delivered", at, message: record, ...omitUndefined({ repeat: message.repeat ? true : undefined }) };
}
