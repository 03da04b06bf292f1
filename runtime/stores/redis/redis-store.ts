/** The store in Redis: each operation is one script that runs on the server as a whole. */

import { z } from "zod";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { parseRedisInfo, toRedisMemory } from "../../../shared/store/capacity.ts";
import { createStore, parseJobText, RETENTION } from "../../../shared/store/engine.ts";
import {
  type JobResult,
  mapQueues,
  QUEUES,
  type SetName,
  type Store,
  type StoreKey,
} from "../../../shared/store/port.ts";
import type { Ms } from "../../../shared/time.ts";
import { parseRedisAddress } from "./address.ts";
import { connectRedis, type RedisConnectOptions } from "./connection.ts";
import { createCallQueue, loadRedisScripts, type ScriptArguments, type ScriptName } from "./scripts.ts";

interface RedisStoreOptions extends RedisConnectOptions {
  /** Prefix of every key; a colon is added. */
  prefix: string;
  /** Retention of the ids of done jobs and of the last fencing token of a lease; default 2 days. */
  remember?: Ms;
  /** Replaces the server's clock in tests. */
  clock?: () => Ms;
}

/** A number in a script's reply. Redis stores numbers as text and returns them as text. */
const numberReply = z.coerce.number();

const booleanReply = z.union([z.literal(0), z.literal(1)]).transform((answer) => answer === 1);

const commitReply = z.enum(["committed", "stale", "fenced"]);

const readReply = z.array(z.union([z.tuple([z.string(), numberReply]), z.tuple([])]));

const scanReply = z.array(z.tuple([z.string(), z.string(), numberReply]));

const leaseReply = z.union([
  z.tuple([z.literal(1), numberReply, numberReply]).transform(([, fence, until]) => ({ fence, until })),
  z.tuple([z.literal(0), z.string(), numberReply]).transform(([, heldBy, until]) => ({ heldBy, until })),
]);

const takeReply = z.tuple(
  [numberReply],
  z.tuple([z.string(), z.string(), z.string(), numberReply, numberReply, z.string()]),
);

const pausesReply = z.array(z.tuple([z.string(), numberReply, z.string()]));

const deadReply = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), numberReply]));

const statsReply = z.array(
  z
    .tuple([numberReply, numberReply], numberReply)
    .transform(([pending, dead, oldest]) => ({ pending, dead, ...omitUndefined({ oldest }) })),
);

/**
 * Opens the store in Redis 7.0 or newer, on one server or the primary of a Sentinel (no cluster). Atomic operations are Lua scripts, and the
 * server's clock is used. Rejects when the server cannot be reached. A lost connection is restored by itself; until
 * then every call rejects at once.
 */
export async function connectRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, remember = RETENTION, clock } = options;
  const { replicas } = parseRedisAddress(options.url);
  const connection = await connectRedis(options);
  const send = await connection
    .runCommand(() => loadRedisScripts(connection.redis, { prefix: `${prefix}:`, replicas, clock }))
    .catch(async (error) => {
      await connection.close();
      throw error;
    });
  const queue = createCallQueue(send);

  async function runScript<T>(schema: z.ZodType<T>, name: ScriptName, ...args: ScriptArguments): Promise<T> {
    return schema.parse(await connection.runCommand(() => queue.call(name, ...args)));
  }

  return createStore({
    now: () => runScript(numberReply, "now"),

    async read<T>(keys: StoreKey[]) {
      const rows = await runScript(readReply, "read", ...keys);
      return rows.map(([text, rev]) =>
        text === undefined || rev === undefined ? undefined : toStoredValue<T>(text, rev),
      );
    },

    async scan<T>(set: SetName, after: string | undefined, limit: number) {
      const scanned = await runScript(scanReply, "scan", set, after ?? "", limit);
      const rows = scanned.slice(0, limit).map(([key, text, rev]) => ({ key, ...toStoredValue<T>(text, rev) }));
      const last = rows.at(-1);
      return scanned.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: (set) => runScript(numberReply, "count", set),
    commit: async (commit) => commitReply.parse(await connection.runCommand(() => queue.commit(commit))),
    lease: (key, owner, ttl) => runScript(leaseReply, "lease", key, owner, ttl, remember),
    release: (key, fence) => runScript(booleanReply, "release", key, fence),

    async take(queue, ttl, max) {
      const [until, ...taken] = await runScript(takeReply, "take", queue, ttl, max);
      return taken.map(([id, lane, text, tries, failures, token]) => {
        return { id, queue, lane, body: parseJobText(text), tries, failures, until, token };
      });
    },

    acknowledge: ({ queue, id, token }, jobResult) =>
      runScript(booleanReply, "acknowledge", queue, id, token, ...toAcknowledgeArguments(jobResult, remember)),

    async listDeadJobs(queue, limit) {
      const jobs = await runScript(deadReply, "dead", queue, limit);
      return jobs.map(([id, lane, text, reason, at]) => {
        return { id, queue, lane, body: parseJobText(text), reason: String(parseJobText(reason)), at };
      });
    },

    replay: (queue, id) => runScript(booleanReply, "replay", queue, id),
    discard: (queue, id) => runScript(booleanReply, "discard", queue, id, remember),
    advanceRetries: (queue, latest) => runScript(numberReply, "advance", queue, latest),

    consumeAll: (consumptions) =>
      runScript(
        numberReply,
        "consume",
        ...consumptions.flatMap(({ bucket, n, limit, window }) => [bucket, n, limit, window]),
      ),
    async pause(bucket, wait, needsProbe) {
      await runScript(numberReply, "pause", bucket, wait, needsProbe ? 1 : 0);
    },
    limitPause: (bucket, max) => runScript(booleanReply, "limit-pause", bucket, max),
    takeProbe: ({ bucket, n, window }, lease) => runScript(booleanReply, "take-probe", bucket, n, window, lease),
    endProbe: async (bucket) => void (await runScript(numberReply, "end-probe", bucket)),
    countConsumed: (bucket, window) => runScript(numberReply, "count-consumed", bucket, window),

    async listPauses() {
      const pauses = await runScript(pausesReply, "pauses");
      return pauses
        .map(([bucket, until, probe]) => ({ bucket, until, needsProbe: probe !== "none" }))
        .sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },

    async stats() {
      const figures = await runScript(statsReply, "stats", ...QUEUES);
      return { queues: mapQueues((queue) => figures[QUEUES.indexOf(queue)] ?? { pending: 0, dead: 0 }) };
    },

    trim: (set, keep, max) => runScript(numberReply, "trim", set, keep, max),
    reclaimSpace: async () => false,

    async readCapacity() {
      const memory = toRedisMemory(parseRedisInfo(await connection.runCommand(() => connection.redis.info("memory"))));
      return omitUndefined({ memory });
    },

    async close() {
      await queue.idle();
      await connection.close();
    },
  });
}

function toStoredValue<T>(text: string, rev: number) {
  const value: T = JSON.parse(text);
  return { value, rev };
}

function toAcknowledgeArguments(jobResult: JobResult, remember: Ms): ScriptArguments {
  if ("retryAt" in jobResult) return ["retry", jobResult.retryAt, jobResult.failed ? 1 : 0];
  return "dead" in jobResult ? ["dead", JSON.stringify(jobResult.dead)] : ["done", remember];
}
