/**
 * The store of Redis in a backup: read by one script at one moment, and restored under another prefix first, which
 * then replaces the store as a whole.
 */

import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import type { SavedRow } from "../../shared/store/sql/database.ts";
import { isRestoredRecord } from "../../shared/store/store-format.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { getProductFile } from "../node/files.ts";
import { createRedis, describeRedis } from "../stores/redis/connection.ts";
import { readScripts } from "../stores/redis/redis-store.ts";
import type { BackupSettings } from "./backup-settings.ts";
import type { SavedPart } from "./files.ts";
import { BackupError, createBackupError, type VerifiedBackup } from "./manifest.ts";
import { type StoreEngine, saveStoreRows, withStoreRows } from "./sqlite-backup.ts";

/** Timeout for connecting: 10 s, because the server may be loading its data. */
const CONNECT_TIMEOUT: Ms = 10 * SECOND;

/** Timeout for one command: 5 minutes, because reading and exchanging a large store are one command each. */
const COMMAND_TIMEOUT: Ms = 5 * MINUTE;

/** Keys that are restored with one write to the server. */
const BATCH_SIZE = 500;

/** What the script `read-store` returns. */
const storeSchema = z.tuple([
  z.array(z.tuple([z.string(), z.string(), z.string().nullish(), z.string().nullish()])),
  z.array(z.string()),
]);

const setsSchema = z.array(z.string());

/** A store in Redis. */
export const redisEngine: StoreEngine = {
  needsStop: true,
  save: saveRedisStore,
  check: async ({ store }) => void (await withRedis(store.url, (redis) => redis.ping())),
  restore: restoreRedis,
};

/** Reads the whole store in one step of the server. */
async function saveRedisStore({ store: { url, prefix } }: BackupSettings, root: string): Promise<SavedPart> {
  const answer = await withRedis(url, (redis) => redis.call("EVAL", SCRIPTS.get("read-store") ?? "", 0, `${prefix}:`));
  const [records, done] = storeSchema.parse(answer);
  return saveStoreRows(listRows(records, done), root);
}

function* listRows([...records]: z.output<typeof storeSchema>[0], done: readonly string[]): Generator<SavedRow> {
  for (const [key, value, sets, expires] of records)
    if (isRestoredRecord(key))
      yield {
        ...{ key, value, expires: expires == null ? null : Number(expires) },
        sets: sets == null ? [] : setsSchema.parse(JSON.parse(sets)),
      };
  for (let i = 0; i + 1 < done.length; i += 2) {
    const [, queue = "", id = ""] = /^([a-z]+):(.*)$/s.exec(done[i] ?? "") ?? [];
    yield { done: id, queue, forget: Number(done[i + 1]) };
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = createRedis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: COMMAND_TIMEOUT,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await use(redis);
  } catch (thrown) {
    if (thrown instanceof BackupError) throw thrown;
    // Without the cause: ioredis attaches the command with its data to the error.
    throw createBackupError(`${describeRedis(redis)} failed: ${getErrorMessage(thrown)}`);
  } finally {
    redis.disconnect();
  }
}

const SCRIPTS = readScripts(getProductFile("runtime/backup/redis-backup.lua"));

/** The rows are written beside the store first; then one script exchanges both, so a failure leaves the store as it was. */
async function restoreRedis(backup: VerifiedBackup, { store: { url, prefix } }: BackupSettings): Promise<void> {
  await withRedis(url, async (redis) => {
    const staging = `${prefix}-restore-${randomBytes(6).toString("hex")}:`;
    try {
      await withStoreRows(backup, (rows) => writeRows(redis, rows, staging));
      await redis.call("EVAL", SCRIPTS.get("exchange-store") ?? "", 0, `${prefix}:`, staging);
    } catch (thrown) {
      await redis.call("EVAL", SCRIPTS.get("delete-keys") ?? "", 0, staging).catch(() => {});
      throw thrown;
    }
  });
}

/** Writes the rows with this prefix, in the form that runtime/stores/redis/redis-store.lua describes. */
async function writeRows(redis: Redis, rows: Iterable<SavedRow>, prefix: string): Promise<void> {
  let batch: Promise<unknown>[] = [];
  for (const row of rows) {
    if ("done" in row) batch.push(redis.zadd(`${prefix}d`, row.forget, `${row.queue}:${row.done}`));
    else {
      const fields = {
        v: row.value,
        r: 1,
        s: JSON.stringify(row.sets),
        ...(row.expires !== null && { x: row.expires }),
      };
      batch.push(redis.hset(`${prefix}k:${row.key}`, fields));
    }
    if (batch.length < BATCH_SIZE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}
