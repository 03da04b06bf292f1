/**
 * Whether Plane, Telegram and the store work, by the results of the product's own calls and writes; `/ready` and the
 * page show it. A system that asked to wait for long counts as unavailable meanwhile.
 */

import { getErrorMessage } from "../errors.ts";
import type { Outages } from "../log.ts";
import type { NoticeKind } from "../notice-kinds.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneClient, requiresApiKey } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError } from "../plane/errors.ts";
import { projectsApi } from "../plane/projects.ts";
import type { BucketPause, Queue, Store, StoreCapacity } from "../store/port.ts";
import { LONG_PAUSE_MS, MAX_PAUSE_MS, type PausedSystem } from "../store/records.ts";
import type { TelegramBot } from "../telegram/bot.ts";
import { MINUTE, type Ms } from "../time.ts";
import type { ComponentHealth, Health, HealthComponent, StoreHealth } from "./deps.ts";

/** Operations of the store that only read. */
const READS: ReadonlySet<string> = new Set<keyof Store>([
  ...(["read", "scan", "count", "stats", "listDeadJobs", "countConsumed", "listPauses"] as const),
]);

/**
 * Operations that are not watched: `saveCopy` writes a file of its own, and its caller reports a failure; the others
 * say nothing about the store's data.
 */
const UNWATCHED: ReadonlySet<string> = new Set<keyof Store>([
  ...(["now", "readCapacity", "saveCopy", "findDamage", "close"] as const),
]);

/** Time until the last long pause of each system ends; a system without one is absent. */
export type LongPauses = Partial<Record<PausedSystem, Ms>>;

/** The systems whose rate limits stop requests, with the queues whose jobs wait for them. */
const SYSTEMS: Record<PausedSystem, { name: string; queues: readonly Queue[] }> = {
  plane: { name: "Plane", queues: ["observe", "work", "updates", "posts"] },
  telegram: { name: "Telegram", queues: ["outbox"] },
};

/** `redact` removes secrets from failure reasons, because `/ready` returns them. */
export function createHealth(clock: () => Ms, redact: (text: string) => string, outages?: Outages): Health {
  const lastSuccess = new Map<HealthComponent, Ms>();
  const errors = new Map<HealthComponent, string>();
  let missedSince: Ms | undefined;
  return {
    recordSuccess(part) {
      lastSuccess.set(part, clock());
      errors.delete(part);
      if (part === "plane") outages?.end(part);
    },
    recordFailure(part, reason) {
      errors.set(part, redact(reason));
      if (part === "plane") outages?.record(part, reason);
    },
    get(part) {
      const at = lastSuccess.get(part);
      const error = errors.get(part);
      const ok = error !== undefined ? false : at === undefined ? null : true;
      const age_s = at === undefined ? null : Math.max(0, Math.round((clock() - at) / 1000));
      return { ok, age_s, ...omitUndefined({ error }) };
    },
    recordDelivery() {
      missedSince = undefined;
    },
    recordMissedDelivery() {
      missedSince ??= clock();
    },
    getMissedSince: () => missedSince,
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
    // After a success, a 403 concerns one resource only, unless that is the list of projects: the account is no longer
    // in the workspace. Before any success it is a failure, for example of a mistyped workspace.
    const isBasic = thrown instanceof PlaneError && thrown.operation === projectsApi.list.operation;
    const isForbidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isForbidden && !isBasic && health.get("plane").ok) return;
    if (isPlaneAnswer(thrown) && !isBasic) health.recordSuccess("plane");
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

/**
 * Wraps an agent's client so that a refused key is reported, and the first call afterwards that it is not. `report`
 * gets the reason of the refusal; what it throws is ignored, because the next call reports again.
 */
export function watchAgentKey(client: PlaneClient, report: (reason: string | undefined) => Promise<void>): PlaneClient {
  let reported: string | undefined | "nothing" = "nothing";

  async function reportOnce(reason: string | undefined) {
    if (reported === reason) return;
    await report(reason).then(
      () => {
        reported = reason;
      },
      () => {},
    );
  }

  return {
    ...client,
    async call(endpoint, options) {
      try {
        const answer = await client.call(endpoint, options);
        await reportOnce(undefined);
        return answer;
      } catch (thrown) {
        if (thrown instanceof PlaneAuthError && thrown.reason === "key") await reportOnce(thrown.message);
        throw thrown;
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

/** Notices about a store that cannot keep what it is given, with what its engines say. The last is any other. */
const STORE_FAILURES = [
  ["store_damaged", /is damaged|malformed|not a database/i],
  ["store_full", /database or disk is full|no space left|OOM command not allowed/i],
  ["store_read_only", /readonly|read-only|MISCONF|EROFS/i],
  ["store_lost", /was moved away, deleted or replaced/i],
  ["store_unreachable", /(?:)/],
] as const satisfies readonly (readonly [NoticeKind, RegExp])[];

export const STORE_NOTICES = STORE_FAILURES.map(([kind]) => kind);

/** @param redact removes secrets from the reasons */
export function createStoreHealth(redact: (text: string) => string, outages?: Outages): StoreHealth {
  let failure: ReturnType<StoreHealth["getFailure"]>;
  let damage: ReturnType<StoreHealth["getFailure"]>;
  let hasFailedSinceProbe = false;
  let lastCapacity: StoreCapacity = {};
  return {
    getFailure: () => damage ?? failure,
    recordFailure(thrown, isWrite) {
      const message = getErrorMessage(thrown);
      const reason = redact(message);
      outages?.record("store", message);
      const [kind] = STORE_FAILURES.find(([, pattern]) => pattern.test(reason)) ?? ["store_unreachable"];
      if (kind === "store_damaged") damage ??= { kind, reason };
      else if (isWrite) {
        // A refusal ends the connection to Redis, so that other commands fail as if it were away.
        if (!failure || kind !== "store_unreachable") failure = { kind, reason };
        hasFailedSinceProbe = true;
      }
    },
    recordProbeSuccess() {
      if (!hasFailedSinceProbe) {
        failure = undefined;
        outages?.end("store");
      }
      hasFailedSinceProbe = false;
    },
    recordDamage(found) {
      damage = found === undefined ? undefined : { kind: "store_damaged", reason: redact(found) };
    },
    getCapacity: () => lastCapacity,
    recordCapacity(capacity) {
      lastCapacity = capacity;
    },
  };
}

/** Wraps a store so that every failed write, and every call that finds damage, is recorded for the health report. */
export function recordStoreHealth(store: Store, health: StoreHealth): Store {
  const watched = { ...store };
  for (const name of Object.keys(store).filter((one) => !UNWATCHED.has(one))) {
    const watch = (...args: unknown[]) => {
      const result: Promise<unknown> = Reflect.apply(store[name as keyof Store] as () => Promise<unknown>, store, args);
      result.catch((thrown: unknown) => {
        // A TypeError concerns invalid input, not the store.
        if (!(thrown instanceof TypeError)) health.recordFailure(thrown, !READS.has(name));
      });
      return result;
    };
    Object.assign(watched, { [name]: watch });
  }
  return watched;
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
