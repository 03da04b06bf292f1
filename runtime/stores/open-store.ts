import { fileURLToPath } from "node:url";
import type { Log } from "../../shared/log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import type { Store } from "../../shared/store/port.ts";
import type { Ms } from "../../shared/time.ts";
import { createSteadyClock } from "./steady-clock.ts";

interface OpenStoreOptions {
  /** Prefix of every key in Redis; a colon is added. */
  prefix: string;
  /** For tests. Default: a steady clock for the embedded file, the server's clock for Redis. */
  clock?: () => Ms;
  /** Receives a line when the connection to Redis is lost or restored, and when an old file is converted. */
  log?: Log;
}

/** Opens the store of a URL. Rejects with the reason when it cannot be opened or the URL is not supported. */
export async function openStore(url: string, { prefix, clock, log }: OpenStoreOptions): Promise<Store> {
  if (url === "memory:") return createMemoryStore({ clock: clock ?? createSteadyClock() });
  // Each engine is loaded only where it is used: ioredis alone is several megabytes.
  if (url.startsWith("file:")) {
    const { createSqliteStore } = await import("./sqlite-store.ts");
    return createSqliteStore({
      folder: parseStoreFolder(url),
      clock: clock ?? createSteadyClock(),
      ...omitUndefined({ log }),
    });
  }
  if (/^rediss?:\/\//.test(url)) {
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
  throw new Error(`STORE_URL must be file:<folder>, redis://…, rediss://… or memory:, not ${describeScheme(url)}.`);
}

/**
 * Returns the folder of a `file:` URL. `file:./data` and `file:data` are relative, which standard URLs do not support.
 */
export function parseStoreFolder(url: string): string {
  const folder = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
  if (folder === "") throw new Error("STORE_URL does not contain a folder. Use for example file:./data.");
  return folder;
}

/** Describes a URL by its scheme only, because it may contain a password. */
function describeScheme(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0];
  return scheme === undefined ? "a URL without a scheme" : `${scheme}…`;
}
