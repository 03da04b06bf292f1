/** The product in a Durable Object, which may be put to sleep after each event and goes on where it was. */

import texts from "groundcrew:page-files";
import type { Context } from "hono";
import { createManifest } from "../../functions/create-manifest.ts";
import { readRevision } from "../../functions/dashboard/events-route.ts";
import { setUpBot } from "../../functions/telegram/updates/receive-updates.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/hashing.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { claimStoreFormat } from "../../shared/store/store-format.ts";
import { HOUR, isRecent, MINUTE, type Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { createDeps } from "../create-deps.ts";
import { createObjectAlarm, createObjectTicks, type ObjectAlarm } from "./object-schedule.ts";
import {
  adoptReceivedStore,
  createObjectCache,
  createObjectStore,
  createStoreRoute,
  type ObjectStorage,
} from "./platform.ts";

/** Limit of one alarm: 10 min, because Cloudflare ends an alarm after 15. What is still running is awaited by the next. */
const MAX_ALARM_LENGTH: Ms = 10 * MINUTE;

const STARTED_FOR = "started-for";

const BOT_SET_UP_FOR = "bot-set-up-for";

const POLL_REQUESTED = "poll-requested";

const CACHED_SINCE = "cached-since";

/**
 * Age at which the cache is cleared: 6 h. A process starts with an empty cache and so notices changed names; an object
 * that emptied it at each start would read the same names from Plane every few minutes.
 */
const MAX_CACHE_AGE: Ms = 6 * HOUR;

const assets = new Map(Object.entries(texts));

/** Workers' own stream that declares its length; a body of any other stream is sent in chunks, whatever its header says. */
declare const FixedLengthStream: new (length: number) => TransformStream<Uint8Array, Uint8Array>;

/**
 * Creates the running product of one Durable Object: its store, its HTTP app, and what its alarm does.
 * @param restart ends the object, after the answer that is being made
 */
export async function createObjectRuntime(settings: Settings, storage: ObjectStorage, restart: () => void) {
  const clock = Date.now;
  const isReplaced = adoptReceivedStore(storage);
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
    isOnlyProcess: true,
    metrics: noMetrics,
    write: console.log,
    signal: new AbortController().signal,
    readAsset: readBundledAsset,
    overrides: { fetch: fetchWithLength },
    cacheStore,
    nameStore: createObjectCache(storage, "names:"),
    keepAwake: (work) => {
      track(work);
      alarm?.setSoon();
    },
    storePollRequest: (isRequested) =>
      // When it cannot be stored, the platform resets the object.
      void (isRequested ? storage.put(POLL_REQUESTED, true) : storage.delete(POLL_REQUESTED)).catch(() => {}),
  });
  const ticks = await createObjectTicks({ storage, clock, settings, ticks: manifest.ticks });
  // Of settings that have changed, the secrets must not be readable in the storage.
  const version = await sha256Hex(JSON.stringify([VERSION, settings]));
  await requestFirstPoll();
  alarm = await createObjectAlarm({ storage, clock });
  alarm.setNext();
  if (ticks.isResumeDue()) alarm.setSoon();
  // The alarm of work that an eviction cut off may be repeated much later; whatever started the object gets it done.
  if (alarm.isJobDue()) deps.notify();
  const { begin, end, repair } = alarm;
  const routes = [...manifest.routes, createStoreRoute(storage, restart)];
  const app = createHttpApp(deps, { routes, getRemoteAddress: getConnectingIp });

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

  /** A process polls at its start. An object starts after each eviction, so it polls once per version and settings, or when a poll was requested. */
  async function requestFirstPoll() {
    const [startedFor, wasRequested] = [await storage.get(STARTED_FOR), await storage.get(POLL_REQUESTED)];
    if (startedFor === version && wasRequested === undefined && !isReplaced) return;
    // No await between these: they are stored together.
    ticks.request("poll");
    await Promise.all([storage.put(STARTED_FOR, version), storage.delete(POLL_REQUESTED)]);
  }

  async function setUpBotOnce() {
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

  /** Runs the ticks that are due; resolves when they have ended. */
  async function runDueTicks() {
    await Promise.all(
      ticks.takeDue().map(async ({ name, isResumed }) => {
        await deps.ticks.runIfDue(name).catch((thrown: unknown) => {
          deps.log.warn("tick failed", { tick: name, error: getErrorMessage(thrown) });
          if (isResumed && name === "poll") deps.requestPoll("the first poll failed");
        });
        ticks.finish(name);
      }),
    );
  }

  return {
    fetch: (request: Request) => app.fetch(request),
    /** Never rejects: Cloudflare would repeat the alarm, but jobs and ticks have their own retries. */
    async runAlarm(): Promise<void> {
      begin();
      const startedAt = clock();
      try {
        await clearOldCache();
        track(deps.drain());
        track(setUpBotOnce());
        track(runDueTicks());
        await waitUntilIdle();
      } catch (thrown) {
        deps.log.error("alarm failed", { error: getErrorMessage(thrown) });
      } finally {
        deps.log.debug("alarm", { ms: clock() - startedAt, running: running.size });
        ticks.storeFinished();
        end({ isWorkLeft: running.size > 0 });
      }
    },
    repairAlarm: repair,
    readRevision: () => readRevision(deps),
  };
}

export type ObjectRuntime = Awaited<ReturnType<typeof createObjectRuntime>>;

/** Reads a file of the page from the Worker's bundle, by its path in the repository. */
function readBundledAsset(path: string): string {
  const text = assets.get(path);
  if (text === undefined) throw new Error(`${path} is not in the Worker's bundle.`);
  return text;
}

/** `fetch` that keeps the declared length of a streamed body, as Node does: storage servers refuse uploads in chunks. */
function fetchWithLength(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { body } = init;
  const length = new Headers(init.headers).get("content-length");
  if (length === null || !(body instanceof ReadableStream)) return fetch(input, init);
  const fixed = (body as ReadableStream<Uint8Array>).pipeThrough(new FixedLengthStream(Number(length)));
  return fetch(input, { ...init, body: fixed });
}

function getConnectingIp(c: Context): string {
  return c.req.header("cf-connecting-ip") ?? "";
}
