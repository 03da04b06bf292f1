import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { addLongHold, type LongHolds, readLongHolds } from "../shared/app/long-holds.ts";
import { keepCurrentResults, readCanary } from "../shared/canary/canary-record.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { ComponentHealth, FirstLook } from "../shared/health.ts";
import { readFirstLook } from "../shared/observe/first-look.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { createRedactor } from "../shared/redact.ts";
import { describeCapacityWarning, findCapacityWarnings } from "../shared/store/capacity.ts";
import { MINUTE, type Ms } from "../shared/time.ts";

type ReadyDeps = Pick<Deps, "settings" | "store" | "storeHealth" | "health" | "wait">;

/** Timeout for a read of the store: 2 s, after which the store counts as unavailable. */
const STORE_TIMEOUT_MS: Ms = 2_000;

/**
 * MONITOR-01: the state of the store, Plane and Telegram: time since the last success, and the reason of a failure.
 * Missing webhooks are reported but do not make the service unready, because the poll still finds every change.
 */
export const readyRoute: Route = { path: "/ready", access: "admin", app };

function app(deps: ReadyDeps): Hono {
  const { settings, health } = deps;
  return new Hono().get("/", async (c) => {
    const holds = await readHolds(deps);
    const parts: Record<string, ComponentHealth & { warnings?: string[] }> = {
      store: await readStoreHealth(deps),
      ...omitUndefined({
        plane: settings.plane ? addLongHold(health.get("plane"), "plane", holds.plane) : undefined,
        telegram: settings.telegram ? addLongHold(health.get("telegram"), "telegram", holds.telegram) : undefined,
      }),
    };
    // A component that was not called yet is not ready: the first poll and the first bot call follow right after
    // startup.
    const isReady = Object.values(parts).every((part) => part.ok === true);
    const webhooks =
      parts["store"]?.ok && settings.plane?.webhookSecrets.length ? await readWebhookHealth(deps) : undefined;
    const first_look = parts["store"]?.ok ? await readFirstLookOrNothing(deps) : undefined;
    const status = isReady ? "ready" : "not ready";
    const untrusted_proxy = c.get("untrustedProxy");
    return c.json(
      { status, ...parts, ...omitUndefined({ webhooks, first_look, untrusted_proxy }) },
      isReady ? 200 : 503,
    );
  });
}

/** A failure of the store is reported by its own entry. */
function readFirstLookOrNothing(deps: ReadyDeps): Promise<FirstLook | undefined> {
  return withTimeout(deps, () => readFirstLook(deps)).catch(() => undefined);
}

/** Without an answer of the store there are none: the failure is reported by the store's own entry. */
function readHolds(deps: ReadyDeps): Promise<LongHolds> {
  return withTimeout(deps, () => readLongHolds(deps.store)).catch(() => ({}));
}

/**
 * Result of the latest canary edit; undefined before the first one. `seconds`: the time from the latest successful
 * canary edit to its webhook. Results that were obtained with another address do not count.
 */
async function readWebhookHealth(deps: ReadyDeps): Promise<(ComponentHealth & { seconds: number | null }) | undefined> {
  const { store } = deps;
  try {
    const [canary, now] = await withTimeout(deps, () => Promise.all([readCanary(store), store.now()]));
    if (!canary) return undefined;
    const { back, silentSince } = keepCurrentResults(canary, deps.settings);
    const age_s = back ? Math.max(0, Math.round((now - back.at) / 1000)) : null;
    const seconds = back ? back.took / 1000 : null;
    if (silentSince === undefined) return { ok: back ? true : null, age_s, seconds };
    const error = `silent for ${Math.round((now - silentSince) / MINUTE)} min: no webhook arrived for an edit of the canary`;
    return { ok: false, age_s, seconds, error };
  } catch {
    // The failure is already reported by the store's own entry.
    return undefined;
  }
}

/** The store is healthy when it answers and can be written. Warnings of its capacity do not make it unready. */
async function readStoreHealth(deps: ReadyDeps): Promise<ComponentHealth & { warnings?: string[] }> {
  const { storeHealth } = deps;
  const describeFailure = (reason: string) => createRedactor(deps.settings.secrets)(reason);
  const warnings = findCapacityWarnings(storeHealth.getCapacity()).map(describeCapacityWarning);
  const fields = omitUndefined({ warnings: warnings.length > 0 ? warnings : undefined });
  try {
    await withTimeout(deps, () => deps.store.now());
    const writeFailure = storeHealth.getWriteFailure();
    if (writeFailure === undefined) return { ok: true, age_s: 0, ...fields };
    return { ok: false, age_s: null, error: describeFailure(`cannot be written: ${writeFailure}`), ...fields };
  } catch (thrown) {
    return { ok: false, age_s: null, error: describeFailure(getErrorMessage(thrown)) };
  }
}

/** Returns the store's answer; throws when it does not arrive in time. */
async function withTimeout<T>({ wait }: ReadyDeps, read: () => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const timeout = wait(STORE_TIMEOUT_MS, abort.signal).then(() => {
    throw new Error(`no answer within ${STORE_TIMEOUT_MS} ms`);
  });
  // The rejection must be handled even when the read has won the race.
  timeout.catch(() => {});
  try {
    return await Promise.race([read(), timeout]);
  } finally {
    abort.abort();
  }
}
