import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Driver } from "unstorage";
import type { Ms } from "../../shared/time.ts";
import { parseStoreFolder } from "./open-store.ts";

/** Timeout for one command of the cache in Redis: 1 s. A name that cannot be read is read from Plane. */
const COMMAND_TIMEOUT: Ms = 1_000;

/**
 * Opens the cache of names beside the store of a URL: a folder beside the embedded file, keys with the same prefix in
 * Redis. Undefined for the memory store. It connects when it is used; when it fails, names are read from Plane.
 */
export async function openNameStore(url: string, prefix: string): Promise<Driver | undefined> {
  if (url.startsWith("file:")) {
    const { default: createFileDriver } = await import("unstorage/drivers/fs-lite");
    const base = join(parseStoreFolder(url), "names");
    makePrivateFolder(base);
    return createFileDriver({ base });
  }
  if (/^rediss?:\/\//.test(url)) {
    const { default: createRedisDriver } = await import("unstorage/drivers/redis");
    const driver = createRedisDriver({
      url,
      base: `${prefix}:names`,
      commandTimeout: COMMAND_TIMEOUT,
      connectTimeout: COMMAND_TIMEOUT,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    });
    // Without a listener, ioredis writes each error of the connection to the console; the store's own connection logs it.
    driver.getInstance?.().on("error", () => {});
    return driver;
  }
  return undefined;
}

/**
 * Names of people and their e-mail addresses are for this account only, as the store is. A folder that cannot be made
 * does not stop the start: the names are then read from Plane.
 */
function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {}
}
