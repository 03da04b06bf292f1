/**
 * Whether Plane, Telegram and the store work, by the results of the product's own calls and writes; `/ready` and the
 * page show it. A system that asked to wait for long counts as unavailable meanwhile.
 */

import { getErrorMessage } from "../errors.ts";
import type { Log } from "../log.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneClient, requiresApiKey } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError } from "../plane/errors.ts";
import type { StoreCapacity } from "../store/capacity.ts";
import type { BucketPause, Queue, Store } from "../store/port.ts";
import { LONG_PAUSE_MS, MAX_PAUSE_MS, type PausedSystem } from "../store/rate-limits.ts";
import type { TelegramBot } from "../telegram/bot.ts";
import { MINUTE, type Ms } from "../time.ts";
import type { ComponentHealth, Health, HealthComponent, StoreHealth } from "./deps.ts";

/**
 * Operations that change nothing in the store. `saveCopy` writes a file of its own, and its caller reports a failure;
 * the failure of a read is reported by whoever needs the value.
 */
type ReadOperation =
  | "now"
  | "read"
  | "scan"
  | "count"
  | "stats"
  | "listDeadJobs"
  | "countConsumed"
  | "listPauses"
  | "readCapacity"
  | "saveCopy"
  | "close";

/** Time until the last long pause of each system ends; a system without one is absent. */
export type LongPauses = Partial<Record<PausedSystem, Ms>>;

/** The systems whose rate limits stop requests, with the queues whose jobs wait for them. */
const SYSTEMS: Record<PausedSystem, { name: string; queues: readonly Queue[] }> = {
  plane: { name: "Plane", queues: ["observe", "work", "updates", "posts"] },
  telegram: { name: "Telegram", queues: ["outbox"] },
};

/** `redact` removes secrets from failure reasons, because `/ready` returns them. */
export function createHealth(clock: () => Ms, redact: (text: string) => string): Health {
  const lastSuccess = new Map<HealthComponent, Ms>();
  const errors = new Map<HealthComponent, string>();
  return {
    recordSuccess(part) {
      lastSuccess.set(part, clock());
      errors.delete(part);
    },
    recordFailure(part, reason) {
      errors.set(part, redact(reason));
    },
    get(part) {
      const at = lastSuccess.get(part);
      const error = errors.get(part);
      const ok = error !== undefined ? false : at === undefined ? null : true;
      const age_s = at === undefined ? null : Math.max(0, Math.round((clock() - at) / 1000));
      return { ok, age_s, ...omitUndefined({ error }) };
    },
  };
}

/** Wraps a Plane client so that the result of every call is recorded for the health report. */
export function recordPlaneHealth(client: PlaneClient, health: Health): PlaneClient {
  /** @param usesKey without the key, a success shows little: the answer may come from a cache, the key may be wrong */
  async function withRecording<T>(call: () => Promise<T>, usesKey = true): Promise<T> {
    try {
      const answer = await call();
      if (usesKey) health.recordSuccess("plane");
      return answer;
    } catch (thrown) {
      if (usesKey) recordError(thrown);
      throw thrown;
    }
  }

  function recordError(thrown: unknown) {
    if (thrown instanceof PlaneRateLimitedError) return;
    // After a success, a 403 concerns one resource only. Before any success it is a failure, for example of a mistyped
    // workspace.
    const isForbidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isForbidden && health.get("plane").ok) return;
    if (isPlaneAnswer(thrown)) health.recordSuccess("plane");
    else health.recordFailure("plane", getErrorMessage(thrown));
  }

  return {
    call: (endpoint, options) => withRecording(() => client.call(endpoint, options), requiresApiKey(endpoint)),
    capabilities: () => withRecording(() => client.capabilities(), false),
    async *pages(endpoint, options) {
      const pages = client.pages(endpoint, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const page = await withRecording(() => pages.next());
          if (page.done) return;
          yield page.value;
        }
      } finally {
        await pages.return?.();
      }
    },
  };
}

/** Whether the error is a regular refusal of one request, which shows that Plane works and accepts our key. */
function isPlaneAnswer(thrown: unknown): boolean {
  if (!(thrown instanceof PlaneError)) return false;
  return thrown.code === "not_found" || thrown.code === "conflict" || thrown.code === "invalid";
}

/** Wraps a Telegram bot so that the result of every call is recorded for the health report. */
export function recordTelegramHealth(bot: TelegramBot, health: Health): TelegramBot {
  async function withRecording<T extends Awaited<ReturnType<TelegramBot[keyof TelegramBot]>>>(call: Promise<T>) {
    const outcome = await call;
    // A lasting refusal and a message that is gone concern one request only; a required wait shows nothing.
    const concernsOneRequest = outcome.kind === "gone" || (outcome.kind === "refused" && outcome.lasting);
    if ("reason" in outcome && !concernsOneRequest) health.recordFailure("telegram", outcome.reason);
    else if (outcome.kind !== "wait") health.recordSuccess("telegram");
    return outcome;
  }

  return {
    getMe: () => withRecording(bot.getMe()),
    sendMessage: (...call) => withRecording(bot.sendMessage(...call)),
    editMessage: (...call) => withRecording(bot.editMessage(...call)),
    answerCallback: (...call) => bot.answerCallback(...call),
    getUpdates: (...call) => withRecording(bot.getUpdates(...call)),
    getWebhook: () => withRecording(bot.getWebhook()),
    setWebhook: (...call) => withRecording(bot.setWebhook(...call)),
    getCommands: (...call) => withRecording(bot.getCommands(...call)),
    setCommands: (...call) => withRecording(bot.setCommands(...call)),
  };
}

export function createStoreHealth(log: Log): StoreHealth {
  let failure: string | undefined;
  let hasFailedSinceProbe = false;
  let lastCapacity: StoreCapacity = {};
  return {
    getWriteFailure: () => failure,
    recordWriteFailure(thrown) {
      const error = getErrorMessage(thrown);
      if (failure === undefined) log.error("the store cannot be written", { error });
      failure = error;
      hasFailedSinceProbe = true;
    },
    recordProbeSuccess() {
      if (failure !== undefined && !hasFailedSinceProbe) {
        log.info("the store can be written again");
        failure = undefined;
      }
      hasFailedSinceProbe = false;
    },
    getCapacity: () => lastCapacity,
    recordCapacity(capacity) {
      lastCapacity = capacity;
    },
  };
}

/** Wraps a store so that every failed write is recorded for the health report. */
export function recordStoreHealth(store: Store, health: StoreHealth): Store {
  function recordFailure<T>(write: Promise<T>): Promise<T> {
    write.catch((thrown: unknown) => {
      // A TypeError concerns invalid input, not the store.
      if (!(thrown instanceof TypeError)) health.recordWriteFailure(thrown);
    });
    return write;
  }

  // The type requires each operation of the store to be here or among the reads.
  const writes: Omit<Store, ReadOperation> = {
    commit: (...args) => recordFailure(store.commit(...args)),
    lease: (...args) => recordFailure(store.lease(...args)),
    release: (...args) => recordFailure(store.release(...args)),
    take: (...args) => recordFailure(store.take(...args)),
    acknowledge: (...args) => recordFailure(store.acknowledge(...args)),
    advanceRetries: (...args) => recordFailure(store.advanceRetries(...args)),
    replay: (...args) => recordFailure(store.replay(...args)),
    discard: (...args) => recordFailure(store.discard(...args)),
    consume: (...args) => recordFailure(store.consume(...args)),
    consumeAll: (...args) => recordFailure(store.consumeAll(...args)),
    pause: (...args) => recordFailure(store.pause(...args)),
    limitPause: (...args) => recordFailure(store.limitPause(...args)),
    takeProbe: (...args) => recordFailure(store.takeProbe(...args)),
    endProbe: (...args) => recordFailure(store.endProbe(...args)),
    trim: (...args) => recordFailure(store.trim(...args)),
    reclaimSpace: (...args) => recordFailure(store.reclaimSpace(...args)),
  };
  return { ...store, ...writes };
}

/** Reads which systems are held for longer than normal: an API key of Plane; a chat of Telegram or its polls. */
export async function readLongPauses(store: Pick<Store, "listPauses" | "now">): Promise<LongPauses> {
  const [pauses, now] = await Promise.all([store.listPauses(), store.now()]);
  const longPauses: LongPauses = {};
  for (const { bucket, until, needsProbe } of pauses) {
    const system = findSystem(bucket);
    const left = until - now;
    if (!system || left <= 0 || !(needsProbe || left > LONG_PAUSE_MS)) continue;
    longPauses[system] = Math.max(longPauses[system] ?? 0, Math.min(left, MAX_PAUSE_MS[system]));
  }
  return longPauses;
}

function findSystem(bucket: string): PausedSystem | undefined {
  return (["plane", "telegram"] as const).find((system) => bucket.startsWith(`${system}:`));
}

/** Adds a long pause to the health of its system, which is unavailable meanwhile. */
export function addLongPause(health: ComponentHealth, system: PausedSystem, left: Ms | undefined): ComponentHealth {
  if (left === undefined) return health;
  const minutes = Math.ceil(left / MINUTE);
  const error = `${SYSTEMS[system].name} asked to wait (429): nothing is sent for another ${minutes} min`;
  return { ...health, ok: false, error, hold_s: Math.ceil(left / 1000) };
}

/**
 * Ends the pauses of a system, or shortens them to `max`. Then one request of each, the probe, is sent, and its success
 * releases the others. Jobs that wait for longer are tried again at that time. Returns the number of changed pauses.
 */
export async function shortenPauses(
  store: Pick<Store, "listPauses" | "limitPause" | "advanceRetries" | "now">,
  system: PausedSystem,
  max: Ms,
): Promise<number> {
  const isOwn = ({ bucket }: BucketPause) => findSystem(bucket) === system;
  const buckets = (await store.listPauses()).filter(isOwn).map(({ bucket }) => bucket);
  const changes = await Promise.all(buckets.map((bucket) => store.limitPause(bucket, max)));
  const latest = (await store.now()) + max;
  await Promise.all(SYSTEMS[system].queues.map((queue) => store.advanceRetries(queue, latest)));
  return changes.filter(Boolean).length;
}
