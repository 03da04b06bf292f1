import type { Deps } from "../../shared/app/deps.ts";
import type { RequestedAction } from "../../shared/decision-log/decision-log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { type DiscardedJob, discardedJobKey } from "../../shared/outgoing/discarded-job.ts";
import { type ForwardReceipt, forwardReceiptKey } from "../../shared/outgoing/forward-receipt.ts";
import {
  type ChatMessage,
  findShownAt,
  parseMessageStart,
  type TelegramDelivery,
  telegramDeliveryKey,
} from "../../shared/telegram/message-log.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";
import type { ActionOutcome } from "./api-answers.ts";

/** Queues whose jobs leave no receipt. */
const INTERNAL_QUEUES: readonly RequestedAction["queue"][] = ["work", "wake"];

/** Limit of dead letters that are searched, oldest first. */
const MAX_DEAD_LETTERS = 1_000;

/** Creates a reader of the results of actions, by job id. It needs five reads for any number of actions. */
export function createOutcomeReader({
  store,
}: Pick<Deps, "store">): (actions: readonly RequestedAction[]) => Promise<Map<string, ActionOutcome>> {
  return async (actions) => {
    const notifications = actions.filter(({ queue }) => queue === "outbox");
    const forwards = actions.filter(({ queue }) => queue === "forward");
    const wakes = actions.filter(({ queue }) => queue === "wake");
    const [deliveries, receipts, wakeMarks] = await Promise.all([
      store.read<TelegramDelivery>(notifications.map(({ job }) => telegramDeliveryKey(job))),
      store.read<ForwardReceipt>(forwards.map(({ job }) => forwardReceiptKey(job))),
      store.read(wakes.map(({ job }) => wakeKeys.addedJob(job))),
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
    wakes.forEach(({ job }, i) => {
      if (wakeMarks[i]) outcomes.set(job, { is: "woken" });
    });
    const unresolved = actions.filter(({ job }) => !outcomes.has(job));
    if (unresolved.length === 0) return outcomes;
    const [discarded, ...dead] = await Promise.all([
      store.read<DiscardedJob>(unresolved.map(({ queue, job }) => discardedJobKey(queue, job))),
      ...(["outbox", "forward", ...INTERNAL_QUEUES] as const).map((queue) =>
        store.listDeadJobs(queue, MAX_DEAD_LETTERS),
      ),
    ]);
    const reasons = new Map(dead.flat().map(({ queue, id, reason }) => [`${queue} ${id}`, reason]));
    for (const [i, { job, queue }] of unresolved.entries()) {
      const reason = reasons.get(`${queue} ${job}`);
      const at = discarded[i]?.value.at;
      if (at !== undefined) outcomes.set(job, { is: "discarded", at });
      else if (reason !== undefined) outcomes.set(job, { is: "set_aside", reason });
      else outcomes.set(job, { is: INTERNAL_QUEUES.includes(queue) ? "passed_on" : "waiting" });
    }
    return outcomes;
  };
}

function toMessageOutcome({ record, notice }: TelegramDelivery, message: ChatMessage | undefined): ActionOutcome {
  // The message may have been trimmed from the log already; its key contains the time at which it began.
  if (!message) return { is: "delivered", at: parseMessageStart(record) };
  const at = findShownAt(message, notice);
  if (at === undefined) return { is: "folded", message: record };
  return { is: "delivered", at, message: record, ...omitUndefined({ repeat: message.repeat ? true : undefined }) };
}
