import { fileURLToPath } from "node:url";
import type { Log } from "../../shared/log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import type { Store } from "../../shared/store/port.ts";
import type { Ms } from "../../shared/time.ts";
import { createSteadyClock } from "./steady-clock.ts";

interface OpenStoreOptions {
  /** Stands, with a colon, before every key in Redis. */
  prefix: string;
  /** For tests; without it the embedded file follows a steady clock and Redis its own. */
  clock?: () => Ms;
  /** Is told when the connection to Redis is lost and when it is back. */
  log?: Log;
}

/** Opens the store a URL names. Rejects, saying why, when it is refused, down, or the URL is of another kind. */
export async function openStore(url: string, { prefix, clock, log }: OpenStoreOptions): Promise<Store> {
  if (url === "memory:") return createMemoryStore({ clock: clock ?? createSteadyClock() });
  // Each engine is loaded only where it is used: ioredis alone is several megabytes.
  if (url.startsWith("file:")) {
    const { createSqliteStore: sqliteStore } = await import("./sqlite-store.ts");
    return sqliteStore({ folder: parseStoreFolder(url), clock: clock ?? createSteadyClock() });
  }
  if (/^rediss?:\/\//.test(url)) {
    const { connectRedisStore: redisStore } = await import("./redis/redis-store.ts");
    return redisStore({
      url,
      prefix,
      ...omitUndefined({ clock }),
      onConnection(lost) {
        if (lost === undefined) log?.info("connected to redis");
        else log?.warn("lost the connection to redis, trying again", { error: lost });
      },
    });
  }
  throw new Error(`STORE_URL must be file:<folder>, redis://…, rediss://… or memory:, not ${describeScheme(url)}.`);
}

/** `file:./data` and `file:data` are relative, which a URL by the letter cannot be. */
export function parseStoreFolder(url: string): string {
  const folder = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
  if (folder === "") throw new Error("STORE_URL names no folder; it looks like file:./data.");
  return folder;
}

/** What may be shown of a URL that can hold a password. */
function describeScheme(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0];
  return scheme === undefined ? "a URL without a scheme" : `${scheme}…`;
}
