/** Opens the store of STORE_URL, and the cache of names beside it. An engine is loaded only where it is used. */

import { mkdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Driver } from "unstorage";
import type { Log } from "../../shared/log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Store } from "../../shared/store/port.ts";
import type { Ms } from "../../shared/time.ts";

interface OpenStoreOptions {
  /** Prefix of every key in Redis; a colon is added. */
  prefix: string;
  /** For tests. Default: a steady clock for the embedded file, the server's clock for Redis. */
  clock?: () => Ms;
  /** Receives a line when the connection to Redis is lost or restored, and when an old file is converted. */
  log?: Log;
}

/** Timeout for one command of the cache in Redis: 1 s. A name that cannot be read is read from Plane. */
const COMMAND_TIMEOUT: Ms = 1_000;

/** Interval between reads of the uptime: 10 ms, because Linux counts it in steps of 10 ms and each read opens a file. */
const UPTIME_STEP: Ms = 10;

/** Opens the store of a URL. Rejects with the reason when it cannot be opened or the URL is not supported. */
export async function openStore(url: string, { prefix, clock, log }: OpenStoreOptions): Promise<Store> {
  // Each engine is loaded only where it is used: ioredis alone is several megabytes.
  if (url === "memory:" || url.startsWith("file:")) {
    const { createMemoryStore, createSqliteStore } = await import("./sqlite-store.ts");
    const options = { clock: clock ?? createSteadyClock() };
    return url === "memory:"
      ? createMemoryStore(options)
      : createSqliteStore({ folder: parseStoreFolder(url), ...options });
  }
  if (isRedisUrl(url)) {
    const { connectRedisStore } = await import("./redis/redis-store.ts");
    return connectRedisStore({
      url,
      prefix,
      ...omitUndefined({ clock }),
      onConnection(lost) {
        if (lost === undefined) log?.info("redis connected");
        else log?.warn("redis connection lost", { error: lost });
      },
    });
  }
  throw new Error(
    `STORE_URL must be file:<folder>, redis://…, rediss://…, redis+sentinel://… or memory:, not ${describeScheme(url)}.`,
  );
}

/** Whether a URL is that of Redis in any form. */
function isRedisUrl(url: string): boolean {
  return /^rediss?(\+sentinel)?:\/\//.test(url);
}

/** Describes a URL by its scheme only, because it may contain a password. */
function describeScheme(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0];
  return scheme === undefined ? "a URL without a scheme" : `${scheme}…`;
}

/**
 * Opens the cache of names beside the store of a URL: a folder beside the embedded file, keys with the same prefix in
 * Redis. Undefined for the memory store. It connects when it is used; when it fails, names are read from Plane.
 */
export async function openNameStore(url: string, prefix: string): Promise<Driver | undefined> {
  if (url.startsWith("file:")) {
    const { default: createFileDriver } = await import("unstorage/drivers/fs-lite");
    const base = join(parseStoreFolder(url), "names");
    // Names of people and their addresses are for this account only. Without the folder, names are read from Plane.
    try {
      mkdirSync(base, { recursive: true, mode: 0o700 });
    } catch {}
    return createFileDriver({ base });
  }
  if (isRedisUrl(url)) {
    const { default: createRedisDriver } = await import("unstorage/drivers/redis");
    const { parseRedisAddress } = await import("./redis/connection.ts");
    const { target } = parseRedisAddress(url);
    const driver = createRedisDriver({
      ...("url" in target ? target : target.options),
      base: `${prefix}:names`,
      commandTimeout: COMMAND_TIMEOUT,
      connectTimeout: COMMAND_TIMEOUT,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    });
    // Without a listener, ioredis writes each error of the connection to the console; the store's own connection logs
    // it.
    driver.getInstance?.().on("error", () => {});
    return driver;
  }
  return undefined;
}

/**
 * Returns the folder of a `file:` URL. `file:./data` and `file:data` are relative, which standard URLs do not support.
 */
export function parseStoreFolder(url: string): string {
  const folder = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
  if (folder === "") throw new Error("STORE_URL does not contain a folder. Use for example file:./data.");
  return folder;
}

/**
 * Creates a clock that starts at the wall clock's time and then follows the machine's uptime. The uptime includes sleep
 * but no corrections of the wall clock, so setting the clock an hour forward ends no leases. It advances in steps of 10
 * to 20 ms.
 */
export function createSteadyClock(): () => Ms {
  let readAt = performance.now();
  let seconds = uptime();
  const start = Date.now() - seconds * 1000;
  return () => {
    if (performance.now() - readAt >= UPTIME_STEP) {
      readAt = performance.now();
      seconds = uptime();
    }
    return Math.round(start + seconds * 1000);
  };
}
