import type { Ms } from "../../shared/time.ts";
import { toPythonJson } from "./python-json.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import { sendWebhook } from "./send-webhook.ts";
import type { DeliveryAttempt, DeliveryControl, LedgerDelivery, PendingDelivery } from "./test-controls.ts";
import type { Id } from "./types.ts";
import type { WebhookTask } from "./worker-tasks.ts";
import type { PlaneWorld } from "./world.ts";

/** Plane tries a delivery again at most 5 times, after a random wait of up to 600 s each. */
const RETRIES = 5;
const MAX_RETRY_WAIT_S = 600;

interface QueuedDelivery extends PendingDelivery {
  payload: JsonObject;
  attempts: number;
  due: Ms;
}

export interface WebhookOutbox extends DeliveryControl {
  add(webhook: WebhookRow, task: WebhookTask, payload: JsonObject): void;
  /** Time when the next delivery is due; undefined when nothing is pending. */
  nextDue(): Ms | undefined;
}

/** Creates the queue of webhook deliveries. `timeout` is the wait for an answer, in milliseconds of real time. */
export function createWebhookOutbox(world: PlaneWorld, ledger: LedgerDelivery[], timeout: Ms): WebhookOutbox {
  let pending: QueuedDelivery[] = [];
  const find = (id: Id): QueuedDelivery => {
    const found = pending.find((each) => each.id === id);
    if (!found) throw new Error(`Delivery ${id} is not pending.`);
    return found;
  };
  const removePending = (each: QueuedDelivery) => {
    const index = pending.indexOf(each);
    if (index >= 0) pending.splice(index, 1);
  };
  const isDue = (each: QueuedDelivery) => each.due <= world.clock();
  const recordAttempt = (
    each: QueuedDelivery,
    delivery: Id,
    outcome: LedgerDelivery["outcome"],
    status: number | null,
  ): DeliveryAttempt => {
    const { webhook, event, action, field, body, attempts } = each;
    ledger.push({
      at: world.clock(),
      webhook,
      delivery,
      event,
      action,
      field,
      body,
      attempt: attempts,
      outcome,
      status,
    });
    return { delivery: { ...each }, outcome, status };
  };

  async function attempt(each: QueuedDelivery): Promise<DeliveryAttempt | undefined> {
    removePending(each);
    const webhook = world.data.webhooks.get(each.webhook);
    if (!webhook) return undefined;
    const { delivery, status } = await sendWebhook(world, webhook, each.payload, each.body, each.attempts, timeout);
    each.attempts += 1;
    const attemptRecord = recordAttempt(each, delivery, status === null ? "no answer" : "answered", status);
    if (status !== null) return attemptRecord;
    if (each.attempts > RETRIES) webhook.is_active = false;
    else {
      each.due = world.clock() + Math.floor(world.random() * (MAX_RETRY_WAIT_S + 1)) * 1000;
      pending.push(each);
    }
    return attemptRecord;
  }

  async function sendConcurrently(inFlight: number): Promise<DeliveryAttempt[]> {
    const queue = pending.filter(isDue);
    const attempts: DeliveryAttempt[] = [];
    const sender = async () => {
      for (let each = queue.shift(); each; each = queue.shift()) {
        const result = pending.includes(each) ? await attempt(each) : undefined;
        if (result) attempts.push(result);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, sender));
    return attempts;
  }

  return {
    get pending() {
      return pending.map(({ payload: _, ...publicDelivery }) => publicDelivery);
    },
    nextDue: () => (pending.length === 0 ? undefined : Math.min(...pending.map((each) => each.due))),
    add(webhook, task, payload) {
      pending.push({
        id: world.newId(),
        webhook: webhook.id,
        url: webhook.url,
        event: task.event,
        action: task.verb,
        field: task.field,
        about: task.about,
        body: toPythonJson(payload),
        payload,
        attempts: 0,
        due: world.clock(),
      });
    },
    sendNext: async (id) => {
      const each = id === undefined ? pending.find(isDue) : find(id);
      return each && attempt(each);
    },
    sendAll: () => sendConcurrently(1),
    sendConcurrently,
    drop(id) {
      const each = find(id);
      removePending(each);
      recordAttempt(each, "", "dropped by the test", null);
    },
    dropAll() {
      for (const each of pending) recordAttempt(each, "", "dropped by the test", null);
      pending = [];
    },
    duplicate(id) {
      const each = find(id);
      const copy = { ...each, id: world.newId(), attempts: 0 };
      pending.splice(pending.indexOf(each) + 1, 0, copy);
      const { payload: _, ...publicDelivery } = copy;
      return publicDelivery;
    },
    delay(id, wait) {
      find(id).due = world.clock() + wait;
    },
    reorder(ids) {
      const first = ids.map(find);
      pending = [...first, ...pending.filter((each) => !first.includes(each))];
    },
  };
}
