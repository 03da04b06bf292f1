import type { Attempt, Deliveries, Delivery, LedgerDelivery } from "./control.ts";
import { pythonJson } from "./python-json.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import { send } from "./send.ts";
import type { Id, Ms } from "./types.ts";
import type { AnnounceTask, World } from "./world.ts";

/** Plane tries again this often, with a random wait of up to this many seconds before each. */
const RETRIES = 5;
const LONGEST_WAIT_S = 600;

interface Pending extends Delivery {
  payload: JsonObject;
  attempts: number;
  due: Ms;
}

export interface Outbox extends Deliveries {
  add(webhook: WebhookRow, task: AnnounceTask, payload: JsonObject): void;
  /** When the next one is due; undefined when nothing is pending. */
  nextDue(): Ms | undefined;
}

/** `limit` is how long an attempt waits for an answer, in milliseconds of real time. */
export function createOutbox(world: World, ledger: LedgerDelivery[], limit: Ms): Outbox {
  let pending: Pending[] = [];
  const find = (id: Id): Pending => {
    const found = pending.find((each) => each.id === id);
    if (!found) throw new Error(`No pending delivery ${id}.`);
    return found;
  };
  const forget = (each: Pending) => {
    const index = pending.indexOf(each);
    if (index >= 0) pending.splice(index, 1);
  };
  const isDue = (each: Pending) => each.due <= world.clock();
  const note = (each: Pending, delivery: Id, outcome: LedgerDelivery["outcome"], status: number | null): Attempt => {
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

  async function attempt(each: Pending): Promise<Attempt | undefined> {
    forget(each);
    const webhook = world.data.webhooks.get(each.webhook);
    if (!webhook) return undefined;
    const { delivery, status } = await send(world, webhook, each.payload, each.body, each.attempts, limit);
    each.attempts += 1;
    const noted = note(each, delivery, status === null ? "no answer" : "answered", status);
    if (status !== null) return noted;
    if (each.attempts > RETRIES) webhook.is_active = false;
    else {
      each.due = world.clock() + Math.floor(world.random() * (LONGEST_WAIT_S + 1)) * 1000;
      pending.push(each);
    }
    return noted;
  }

  async function burst(inFlight: number): Promise<Attempt[]> {
    const queue = pending.filter(isDue);
    const attempts: Attempt[] = [];
    const lane = async () => {
      for (let each = queue.shift(); each; each = queue.shift()) {
        const done = pending.includes(each) ? await attempt(each) : undefined;
        if (done) attempts.push(done);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
    return attempts;
  }

  return {
    get pending() {
      return pending.map(({ payload: _, ...shown }) => shown);
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
        body: pythonJson(payload),
        payload,
        attempts: 0,
        due: world.clock(),
      });
    },
    next: async (id) => {
      const each = id === undefined ? pending.find(isDue) : find(id);
      return each && attempt(each);
    },
    all: () => burst(1),
    burst,
    drop(id) {
      const each = find(id);
      forget(each);
      note(each, "", "dropped by the test", null);
    },
    dropAll() {
      for (const each of pending) note(each, "", "dropped by the test", null);
      pending = [];
    },
    duplicate(id) {
      const each = find(id);
      const copy = { ...each, id: world.newId(), attempts: 0 };
      pending.splice(pending.indexOf(each) + 1, 0, copy);
      const { payload: _, ...shown } = copy;
      return shown;
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
