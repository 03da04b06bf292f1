import { omitUndefined } from "../../../shared/omit-undefined.ts";
import {
  checkCommit,
  checkKey,
  checkMs,
  checkName,
  checkSpend,
  parseJson,
} from "../../../shared/store/check-commit.ts";
import {
  type BucketSpend,
  mapQueues,
  QUEUES,
  type Queue,
  type QueueStats,
  type Settlement,
  type Store,
  type StoreKey,
} from "../../../shared/store/port.ts";
import { DEFAULT_PAGE_SIZE, RETENTION } from "../../../shared/store/sequence.ts";
import type { Ms } from "../../../shared/time.ts";
import { createCallQueue } from "./call-queue.ts";
import { connectRedis, type RedisConnectOptions } from "./connection.ts";
import * as answers from "./reply-schemas.ts";
import { loadRedisScripts, type ScriptArguments, type ScriptName } from "./scripts.ts";

interface RedisStoreOptions extends RedisConnectOptions {
  /** Stands, with a colon, before every key. */
  prefix: string;
  /** How long the id of a done job and the last fence of a lease are remembered; default 2 days. */
  remember?: Ms;
  /** Instead of the server's clock, for tests. */
  clock?: () => Ms;
}

/**
 * The store in Redis 7.0 or newer, one server (no cluster). Everything atomic is a Lua script, the clock is the server's.
 * Rejects when the server cannot be reached; later it reconnects by itself, and until then every call rejects at once.
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

  async function run(name: ScriptName, ...args: ScriptArguments): Promise<unknown> {
    return runUnlessClosed(() => queue.call(name, ...args));
  }

  function runUnlessClosed(ask: () => Promise<unknown>): Promise<unknown> {
    if (closed) throw new Error("The store is closed.");
    return connection.runCommand(ask);
  }

  return {
    now: async () => answers.integerReplySchema.parse(await run("now")),

    async read<T>(keys: StoreKey[]) {
      const rows = answers.readReplySchema.parse(await run("read", ...keys));
      return rows.map(([text, rev]) =>
        text === undefined || rev === undefined ? undefined : toStoredValue<T>(text, rev),
      );
    },

    async scan<T>(set: string, after?: string, limit: number = DEFAULT_PAGE_SIZE) {
      const scanned = answers.scanReplySchema.parse(await run("scan", set, after ?? "", limit));
      const rows = scanned.slice(0, limit).map(([key, text, rev]) => ({ key, ...toStoredValue<T>(text, rev) }));
      const last = rows.at(-1);
      return scanned.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: async (set) => answers.integerReplySchema.parse(await run("count", set)),

    async commit(commit) {
      const checked = checkCommit(commit);
      return answers.commitReplySchema.parse(await runUnlessClosed(() => queue.commit(checked)));
    },

    async lease(key, owner, ttl) {
      const args = [checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl), remember];
      return answers.leaseReplySchema.parse(await run("lease", ...args));
    },

    release: async (key, fence) => answers.booleanReplySchema.parse(await run("release", key, fence)),

    async take(queue, ttl, max) {
      const [until, ...taken] = answers.takeReplySchema.parse(await run("take", queue, checkMs("ttl", ttl), max));
      return taken.map(([id, lane, text, tries, failures, token]) => {
        return { id, queue, lane, body: parseJson(text), tries, failures, until, token };
      });
    },

    async settle({ queue, id, token }, how) {
      return answers.booleanReplySchema.parse(
        await run("settle", queue, id, token, ...toSettleArguments(how, remember)),
      );
    },

    async listDeadJobs(queue, limit = DEFAULT_PAGE_SIZE) {
      const jobs = answers.deadReplySchema.parse(await run("dead", queue, limit));
      return jobs.map(([id, lane, text, reason, at]) => {
        return { id, queue, lane, body: parseJson(text), reason: String(parseJson(reason)), at };
      });
    },

    replay: async (queue, id) => answers.booleanReplySchema.parse(await run("replay", queue, id)),

    async spend(bucket, n, limit, window) {
      return answers.integerReplySchema.parse(await run("spend", ...toSpendArguments({ bucket, n, limit, window })));
    },

    async spendAll(spends) {
      return answers.integerReplySchema.parse(await run("spend", ...spends.flatMap(toSpendArguments)));
    },

    async hold(bucket, wait) {
      await run("hold", checkName("bucket", bucket), checkMs("wait", wait));
    },

    async stats() {
      const nothing: QueueStats = { pending: 0, dead: 0 };
      const figures = answers.statsReplySchema.parse(await run("stats", ...QUEUES));
      const getQueueStats = (queue: Queue) => figures[QUEUES.indexOf(queue)] ?? nothing;
      return { queues: mapQueues(getQueueStats) };
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

function toSpendArguments(spend: BucketSpend): (string | number)[] {
  const { bucket, n, limit, window } = checkSpend(spend);
  return [bucket, n, limit, window];
}

function toSettleArguments(how: Settlement, remember: Ms): (string | number)[] {
  if ("retryAt" in how) return ["retry", checkMs("retryAt", how.retryAt), how.failed ? 1 : 0];
  return "dead" in how ? ["dead", JSON.stringify(how.dead)] : ["done", remember];
}
