/**
 * The store of Redis in a backup: dumped by one script at one moment, and restored under another prefix first, which
 * then replaces the store as a whole.
 */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Redis } from "ioredis";
import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import { isRestoredRecord, STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { getProductFile } from "../node/files.ts";
import { createRedis, describeRedis } from "../stores/redis/connection.ts";
import { readScripts } from "../stores/redis/scripts.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { type SavedPart, withRegularFile, writeStream } from "./files.ts";
import { BACKUP_PARTS, BackupError, createBackupError, createRefusal, type VerifiedBackup } from "./manifest.ts";
import { parseStoredFormat } from "./sqlite-backup.ts";

/** Timeout for connecting: 10 s, because the server may be loading its data. */
const CONNECT_TIMEOUT: Ms = 10 * SECOND;

/** Timeout for one command: 5 minutes, because dump and exchange of a large store are one command each. */
const COMMAND_TIMEOUT: Ms = 5 * MINUTE;

/** Keys that are restored with one write to the server. */
const BATCH_SIZE = 500;

const dumpSchema = z.array(z.custom<Buffer>((value) => Buffer.isBuffer(value)));

/** A store in Redis. */
export const redisEngine = {
  save: dumpRedis,
  check: async (url: string) => void (await withRedis(url, (redis) => redis.ping())),
  restore: restoreRedis,
};

/** Saves all keys of the store by Redis' own DUMP, in one step of the server, to a new file below `root`. */
async function dumpRedis({ store: { url, prefix } }: BackupSettings, root: string): Promise<SavedPart> {
  return withRedis(url, async (redis) => {
    const format = await readFormat(redis, `${prefix}:`);
    const rows = dumpSchema.parse(await redis.callBuffer("EVAL", SCRIPTS.get("dump-store") ?? "", 0, `${prefix}:`));
    const file = await writeStream(root, BACKUP_PARTS.redisStore, formatRows(rows));
    return { files: [file], facts: { store: { engine: "redis", format, prefix } } };
  });
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

async function readFormat(redis: Redis, prefix: string): Promise<number> {
  return parseStoredFormat(await redis.hget(`${prefix}k:${STORE_FORMAT_KEY}`, "v"));
}

const SCRIPTS = readScripts(getProductFile("runtime/backup/redis-backup.lua"));

/** A line per key: the key and its dump in Base64. */
async function* formatRows(rows: readonly Buffer[]): AsyncGenerator<Uint8Array> {
  for (let i = 0; i + 1 < rows.length; i += 2)
    yield Buffer.from(`${rows[i]?.toString("base64")} ${rows[i + 1]?.toString("base64")}\n`);
}

/**
 * Replaces the store by what a restore keeps of a dump (see `isRestoredRecord`). The dump is loaded beside the store
 * first; then one script exchanges both, so a failure leaves the store as it was.
 */
async function restoreRedis(
  { path, manifest }: VerifiedBackup,
  { url, prefix }: BackupSettings["store"],
): Promise<void> {
  const { prefix: from = prefix, format } = manifest.store ?? {};
  await withRedis(url, async (redis) => {
    const staging = `${prefix}-restore-${randomBytes(6).toString("hex")}:`;
    try {
      await loadDump(redis, join(path, BACKUP_PARTS.redisStore), `${from}:`, staging);
      if ((await readFormat(redis, staging)) !== format)
        throw createRefusal("The backup's store does not have the format that its manifest names.");
      await redis.call("EVAL", SCRIPTS.get("exchange-store") ?? "", 0, `${prefix}:`, staging);
    } catch (thrown) {
      await redis.call("EVAL", SCRIPTS.get("delete-keys") ?? "", 0, staging).catch(() => {});
      throw thrown;
    }
  });
}

/** Deletes every key of a store. */
export async function removeRedisStore({ url, prefix }: BackupSettings["store"]): Promise<void> {
  await withRedis(
    url,
    async (redis) => void (await redis.call("EVAL", SCRIPTS.get("delete-keys") ?? "", 0, `${prefix}:`)),
  );
}

async function loadDump(redis: Redis, path: string, from: string, staging: string): Promise<void> {
  await withRegularFile(path, async (file) => {
    let batch: Promise<unknown>[] = [];
    for await (const line of createInterface({ input: file.createReadStream() })) {
      const [key = "", dump = ""] = line.split(" ").map((part) => Buffer.from(part, "base64"));
      const name = key.toString();
      if (!name.startsWith(from) || !isRestoredKey(name.slice(from.length))) continue;
      batch.push(redis.call("RESTORE", staging + name.slice(from.length), 0, dump));
      if (batch.length < BATCH_SIZE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
  });
}

/** Whether a key of Redis is restored: the sequence, the ids of done jobs, and the records that a restore keeps. */
function isRestoredKey(name: string): boolean {
  return name === "n" || name === "d" || (name.startsWith("k:") && isRestoredRecord(name.slice("k:".length)));
}
