/** The store in Redis: each operation is one script that runs on the server as a whole. */

import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { parseRedisInfo, toRedisMemory } from "../../../shared/store/capacity.ts";
import {
  checkCommit,
  checkConsumption,
  checkKey,
  checkMs,
  checkName,
  DEFAULT_PAGE_SIZE,
  parseJobText,
  RETENTION,
} from "../../../shared/store/engine.ts";
import {
  type Consumption,
  type JobResult,
  mapQueues,
  QUEUES,
  type Queue,
  type QueueStats,
  type Store,
  type StoreKey,
} from "../../../shared/store/port.ts";
import type { Ms } from "../../../shared/time.ts";
import { connectRedis, type RedisConnectOptions } from "./connection.ts";
import * as answers from "./scripts.ts";
import { createCallQueue, loadRedisScripts, type ScriptArguments, type ScriptName } from "./scripts.ts";

interface RedisStoreOptions extends RedisConnectOptions {
  /** Prefix of every key; a colon is added. */
  prefix: string;
  /** Retention of the ids of done jobs and of the last fencing token of a lease; default 2 days. */
  remember?: Ms;
  /** Replaces the server's clock in tests. */
  clock?: () => Ms;
}

/**
 * Opens the store in Redis 7.0 or newer, on one server (no cluster). Atomic operations are Lua scripts, and the
 * server's clock is used. Rejects when the server cannot be reached. A lost connection is restored by itself; until
 * then every call rejects at once.
 */
export async function connectRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, remember = RETENTION, clock } = options;
  const connection = await connectRedis(options);
  const send = await connection
    .runCommand(() => loadRedisScripts(connection.redis, { prefix: `${prefix}:`, ...omitUndefined({ clock }) }))
    .catch(async (error) => {
      await connection.close();
      throw error;
    });
  const queue = createCallQueue(send);
  let closed = false;

  async function runScript(name: ScriptName, ...args: ScriptArguments): Promise<unknown> {
    return runUnlessClosed(() => queue.call(name, ...args));
  }

  function runUnlessClosed(command: () => Promise<unknown>): Promise<unknown> {
    if (closed) throw new Error("The store is closed.");
    return connection.runCommand(command);
  }

  return {
    now: async () => answers.integerReplySchema.parse(await runScript("now")),

    async read<T>(keys: StoreKey[]) {
      const rows = answers.readReplySchema.parse(await runScript("read", ...keys));
      return rows.map(([text, rev]) =>
        text === undefined || rev === undefined ? undefined : toStoredValue<T>(text, rev),
      );
    },

    async scan<T>(set: string, after?: string, limit: number = DEFAULT_PAGE_SIZE) {
      const scanned = answers.scanReplySchema.parse(await runScript("scan", set, after ?? "", limit));
      const rows = scanned.slice(0, limit).map(([key, text, rev]) => ({ key, ...toStoredValue<T>(text, rev) }));
      const last = rows.at(-1);
      return scanned.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: async (set) => answers.integerReplySchema.parse(await runScript("count", set)),

    async commit(commit) {
      const checked = checkCommit(commit);
      return answers.commitReplySchema.parse(await runUnlessClosed(() => queue.commit(checked)));
    },

    async lease(key, owner, ttl) {
      const args = [checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl), remember];
      return answers.leaseReplySchema.parse(await runScript("lease", ...args));
    },

    release: async (key, fence) => answers.booleanReplySchema.parse(await runScript("release", key, fence)),

    async take(queue, ttl, max) {
      const [until, ...taken] = answers.takeReplySchema.parse(await runScript("take", queue, checkMs("ttl", ttl), max));
      return taken.map(([id, lane, text, tries, failures, token]) => {
        return { id, queue, lane, body: parseJobText(text), tries, failures, until, token };
      });
    },

    async acknowledge({ queue, id, token }, jobResult) {
      return answers.booleanReplySchema.parse(
        await runScript("acknowledge", queue, id, token, ...toAcknowledgeArguments(jobResult, remember)),
      );
    },

    async listDeadJobs(queue, limit = DEFAULT_PAGE_SIZE) {
      const jobs = answers.deadReplySchema.parse(await runScript("dead", queue, limit));
      return jobs.map(([id, lane, text, reason, at]) => {
        return { id, queue, lane, body: parseJobText(text), reason: String(parseJobText(reason)), at };
      });
    },

    replay: async (queue, id) => answers.booleanReplySchema.parse(await runScript("replay", queue, id)),
    discard: async (queue, id) => answers.booleanReplySchema.parse(await runScript("discard", queue, id, remember)),

    async consume(bucket, n, limit, window) {
      return answers.integerReplySchema.parse(
        await runScript("consume", ...toConsumeArguments({ bucket, n, limit, window })),
      );
    },

    async consumeAll(consumptions) {
      return answers.integerReplySchema.parse(await runScript("consume", ...consumptions.flatMap(toConsumeArguments)));
    },

    async pause(bucket, wait, needsProbe = false) {
      await runScript("pause", checkName("bucket", bucket), checkMs("wait", wait), needsProbe ? 1 : 0);
    },

    async limitPause(bucket, max) {
      return answers.booleanReplySchema.parse(
        await runScript("limit-pause", checkName("bucket", bucket), checkMs("max", max)),
      );
    },

    async takeProbe(consumption, lease) {
      const { bucket, n, window } = checkConsumption(consumption);
      return answers.booleanReplySchema.parse(
        await runScript("take-probe", bucket, n, window, checkMs("lease", lease)),
      );
    },

    async endProbe(bucket) {
      await runScript("end-probe", checkName("bucket", bucket));
    },

    async countConsumed(bucket, window) {
      return answers.integerReplySchema.parse(
        await runScript("count-consumed", checkName("bucket", bucket), checkMs("window", window)),
      );
    },

    async listPauses() {
      const holds = answers.holdsReplySchema.parse(await runScript("pauses"));
      return holds
        .map(([bucket, until, probe]) => ({ bucket, until, needsProbe: probe !== "none" }))
        .sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },

    async advanceRetries(queue, latest) {
      return answers.integerReplySchema.parse(await runScript("advance", queue, checkMs("latest", latest)));
    },

    async stats() {
      const empty: QueueStats = { pending: 0, dead: 0 };
      const figures = answers.statsReplySchema.parse(await runScript("stats", ...QUEUES));
      const getQueueStats = (queue: Queue) => figures[QUEUES.indexOf(queue)] ?? empty;
      return { queues: mapQueues(getQueueStats) };
    },

    async trim(set, keep, max) {
      return answers.integerReplySchema.parse(await runScript("trim", set, keep, max));
    },

    reclaimSpace: async () => false,

    async readCapacity() {
      const memory = toRedisMemory(parseRedisInfo(await connection.runCommand(() => connection.redis.info("memory"))));
      return omitUndefined({ memory });
    },

    async close() {
      closed = true;
      await queue.idle();
      await connection.close();
    },
  };
}

function toStoredValue<T>(text: string, rev: number) {
  const value: T = JSON.parse(text);
  return { value, rev };
}

function toAcknowledgeArguments(jobResult: JobResult, remember: Ms): (string | number)[] {
  if ("retryAt" in jobResult) return ["retry", checkMs("retryAt", jobResult.retryAt), jobResult.failed ? 1 : 0];
  return "dead" in jobResult ? ["dead", JSON.stringify(jobResult.dead)] : ["done", remember];
}

function toConsumeArguments(consumption: Consumption): (string | number)[] {
  const { bucket, n, limit, window } = checkConsumption(consumption);
  return [bucket, n, limit, window];
}
