import type { Context } from "hono";
import { createManifest } from "../../functions/create-manifest.ts";
import { readRevision } from "../../functions/dashboard/revision.ts";

import { setUpBot } from "../../functions/telegram/updates/bot-setup-service.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { claimStoreFormat } from "../../shared/store/store-format.ts";
import { HOUR, isRecent, MINUTE, type Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { createDeps } from "../create-deps.ts";
import { createObjectCache } from "../stores/object-cache.ts";
import type { ObjectStorage } from "../stores/object-storage.ts";
import { createObjectStore } from "../stores/object-store.ts";
import { readBundledAsset } from "./bundled-assets.ts";
import { createObjectAlarm, type ObjectAlarm } from "./object-alarm.ts";

/** Limit of one alarm: 10 min, because Cloudflare ends an alarm after 15. What is still running is awaited by the next. */
const MAX_ALARM_LENGTH: Ms = 10 * MINUTE;

const STARTED_FOR = "started-for";
const BOT_SET_UP_FOR = "bot-set-up-for";
const CACHED_SINCE = "cached-since";

/**
 * Age at which the cache is cleared: 6 h. A process starts with an empty cache and so notices changed names; an object
 * that emptied it at each start would read the same names from Plane every few minutes.
 */
const MAX_CACHE_AGE: Ms = 6 * HOUR;

export type ObjectRuntime = Awaited<ReturnType<typeof createObjectRuntime>>;

/** Creates the running product of one Durable Object: its store, its HTTP app, and what its alarm does. */
export async function createObjectRuntime(settings: Settings, storage: ObjectStorage) {
  const clock = Date.now;
  const running = new Set<Promise<unknown>>();
  let alarm: ObjectAlarm | undefined;
  const store = createObjectStore(storage, { clock, onChange: () => alarm?.setForJobs() });
  const cacheStore = createObjectCache(storage, "cache:");
  // Tickets need a machine with a runner.
  const manifest = createManifest();
  await claimStoreFormat(store);
  const deps = await createDeps({
    settings,
    manifest,
    store,
    metrics: noMetrics,
    write: console.log,
    signal: new AbortController().signal,
    readAsset: readBundledAsset,
    cacheStore,
    nameStore: createObjectCache(storage, "names:"),
    keepAwake: (work) => {
      track(work);
      alarm?.setSoon();
    },
  });
  alarm = await createObjectAlarm({ storage, clock, settings, ticks: manifest.ticks });
  alarm.setNext();
  const { setNext, clear, repair, takeDueTicks } = alarm;
  const app = createHttpApp(deps, { routes: manifest.routes, getRemoteAddress: getConnectingIp });
  // Of settings that have changed, the secrets must not be readable in the storage.
  const version = await sha256Hex(JSON.stringify([VERSION, settings]));

  function track(work: Promise<unknown>) {
    const tracked = work
      .catch((thrown: unknown) => deps.log.warn("background work failed", { error: getErrorMessage(thrown) }))
      .finally(() => running.delete(tracked));
    running.add(tracked);
  }

  /** Resolves when no work is left, or at the limit. */
  async function waitUntilIdle() {
    const timeout = new AbortController();
    const timedOut = deps.wait(MAX_ALARM_LENGTH, timeout.signal);
    while (running.size > 0 && !timeout.signal.aborted) {
      const isOver = await Promise.race([timedOut.then(() => true), Promise.allSettled(running).then(() => false)]);
      if (isOver) break;
    }
    timeout.abort();
  }

  /** What a process does at its start. An object starts after each eviction, so it is done once per version and settings. */
  async function runStartupChecks() {
    if ((await storage.get(STARTED_FOR)) !== version) {
      await storage.put(STARTED_FOR, version);
      void deps.telegram?.getMe();
      track(deps.ticks.runNow("poll").catch(() => deps.requestPoll("the first poll failed")));
    }
    if ((await storage.get(BOT_SET_UP_FOR)) === version) return;
    const problem = await setUpBot(deps).catch((thrown: unknown) => getErrorMessage(thrown));
    if (problem === undefined) await storage.put(BOT_SET_UP_FOR, version);
    else deps.log.warn("telegram bot setup failed, retrying", { reason: problem });
  }

  async function clearOldCache() {
    const since = await storage.get(CACHED_SINCE);
    if (typeof since === "number" && isRecent(since, MAX_CACHE_AGE, clock())) return;
    await cacheStore.clear();
    await storage.put(CACHED_SINCE, clock());
  }

  async function runTick(name: string) {
    await deps.ticks.runIfDue(name).catch((thrown: unknown) => {
      deps.log.warn("tick failed", { tick: name, error: getErrorMessage(thrown) });
    });
  }

  return {
    fetch: (request: Request) => app.fetch(request),
    /** Never rejects: Cloudflare would repeat the alarm, but jobs and ticks have their own retries. */
    async runAlarm(): Promise<void> {
      clear();
      const startedAt = clock();
      try {
        await clearOldCache();
        track(deps.drain());
        track(runStartupChecks());
        for (const name of await takeDueTicks()) track(runTick(name));
        await waitUntilIdle();
      } catch (thrown) {
        deps.log.error("alarm failed", { error: getErrorMessage(thrown) });
      } finally {
        deps.log.debug("alarm", { ms: clock() - startedAt, running: running.size });
        setNext();
      }
    },
    repairAlarm: repair,
    readRevision: () => readRevision(deps),
  };
}

function getConnectingIp(c: Context): string {
  return c.req.header("cf-connecting-ip") ?? "";
}
