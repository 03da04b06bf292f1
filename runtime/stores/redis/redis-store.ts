/**
 * The store in Redis: each operation is one script of redis-store.lua, which runs on the server as a whole. Calls of
 * one moment are sent with one write, and commits among them are combined.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command, type Redis } from "ioredis";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { type CheckedCommit, createStore, parseJobText, RETENTION } from "../../../shared/store/engine.ts";
import {
  type JobResult,
  mapQueues,
  parseRedisInfo,
  QUEUES,
  type SetName,
  type Store,
  type StoreKey,
  toRedisMemory,
} from "../../../shared/store/port.ts";
import type { Ms } from "../../../shared/time.ts";
import { getProductFile } from "../../node/files.ts";
import { connectRedis, parseRedisAddress, type RedisConnectOptions } from "./connection.ts";

/** Arguments of a script after the prefix and the time. */
type ScriptArguments = (string | number)[];

export interface RedisCall {
  name: string;
  args: ScriptArguments;
}

/** The result of one call. */
export type RedisReply = { value: unknown } | { error: unknown };

/** A call that is sent with the next write. */
interface WaitingCall {
  toCall: () => RedisCall;
  settle: (reply: RedisReply) => void;
}

/** A waiting call of several commits. */
interface CommitGroup extends WaitingCall {
  commits: CheckedCommit[];
  length: number;
  settlers: ((reply: RedisReply) => void)[];
}

interface RedisStoreOptions extends RedisConnectOptions {
  /** Prefix of every key; a colon is added. */
  prefix: string;
  /** Retention of the ids of done jobs and of the last fencing token of a lease; default 2 days. */
  remember?: Ms;
  /** Replaces the server's clock in tests. */
  clock?: () => Ms;
}

/** Calls after which no replica needs to have anything. */
const READS: ReadonlySet<string> = new Set([
  ...["now", "read", "scan", "count", "dead", "count-consumed", "pauses", "stats"],
]);

/** Timeout for the replicas: 1 s, half of that for a reply. */
const REPLICATION_TIMEOUT: Ms = 1_000;

/** Begins a script of a Lua file, with its name. */
const SCRIPT_MARK = /^-- script: /m;

/** Limit of commits in one call: 100, because the server does nothing else during a call. */
const MAX_GROUP_COMMITS = 100;

/** Limit of the text in one call of several commits: 1 Mi characters, for the same reason. */
const MAX_GROUP_CHARACTERS = 1024 * 1024;

/**
 * Opens the store in Redis 7.0 or newer, on one server or the primary of a Sentinel (no cluster). Atomic operations are
 * Lua scripts, and the server's clock is used. Rejects when the server cannot be reached. A lost connection is restored
 * by itself; until then every call rejects at once.
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
  const run = (name: string, ...args: ScriptArguments) => connection.runCommand(() => queue.call(name, ...args));
  const runForNumber = async (name: string, ...args: ScriptArguments) => Number(await run(name, ...args));
  const runForFlag = async (name: string, ...args: ScriptArguments) => (await run(name, ...args)) === 1;
  /** Rows of texts; Redis also returns numbers as texts. */
  const runForRows = async (name: string, ...args: ScriptArguments) => (await run(name, ...args)) as string[][];

  return createStore({
    now: () => runForNumber("now"),

    async read<T>(keys: StoreKey[]) {
      const rows = await runForRows("read", ...keys);
      return rows.map(([text, rev]) => (text === undefined ? undefined : toStoredValue<T>(text, rev)));
    },

    async scan<T>(set: SetName, after: string | undefined, limit: number) {
      const scanned = await runForRows("scan", set, after ?? "", limit);
      const rows = scanned
        .slice(0, limit)
        .map(([key = "", text = "", rev]) => ({ key, ...toStoredValue<T>(text, rev) }));
      const last = rows.at(-1);
      return scanned.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: (set) => runForNumber("count", set),
    commit: (commit) => connection.runCommand(() => queue.commit(commit)),

    async lease(key, owner, ttl) {
      const [isHolder, holder, until] = (await run("lease", key, owner, ttl, remember)) as [number, string, string];
      const end = Number(until);
      return isHolder ? { fence: Number(holder), until: end } : { heldBy: holder, until: end };
    },

    release: (key, fence) => runForFlag("release", key, fence),

    async take(queue, ttl, max) {
      const [until, ...taken] = (await run("take", queue, ttl, max)) as [string, ...string[][]];
      return taken.map(([id = "", lane = "", text = "", tries, failures, token = ""]) => {
        const counts = { tries: Number(tries), failures: Number(failures) };
        return { id, queue, lane, body: parseJobText(text), ...counts, until: Number(until), token };
      });
    },

    acknowledge: ({ queue, id, token }, jobResult) =>
      runForFlag("acknowledge", queue, id, token, ...toAcknowledgeArguments(jobResult, remember)),

    async listDeadJobs(queue, limit) {
      const jobs = await runForRows("dead", queue, limit);
      return jobs.map(([id = "", lane = "", text = "", reason = "", at]) => {
        return { id, queue, lane, body: parseJobText(text), reason: String(parseJobText(reason)), at: Number(at) };
      });
    },

    replay: (queue, id) => runForFlag("replay", queue, id),
    discard: (queue, id) => runForFlag("discard", queue, id, remember),
    advanceRetries: (queue, latest) => runForNumber("advance", queue, latest),

    consumeAll: (consumptions) =>
      runForNumber("consume", ...consumptions.flatMap(({ bucket, n, limit, window }) => [bucket, n, limit, window])),
    pause: async (bucket, wait, needsProbe) => void (await run("pause", bucket, wait, needsProbe ? 1 : 0)),
    limitPause: (bucket, max) => runForFlag("limit-pause", bucket, max),
    takeProbe: ({ bucket, n, window }, lease) => runForFlag("take-probe", bucket, n, window, lease),
    endProbe: async (bucket) => void (await run("end-probe", bucket)),
    countConsumed: (bucket, window) => runForNumber("count-consumed", bucket, window),

    async listPauses() {
      const pauses = await runForRows("pauses");
      return pauses
        .map(([bucket = "", until, probe]) => ({ bucket, until: Number(until), needsProbe: probe !== "none" }))
        .sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },

    async stats() {
      const figures = await runForRows("stats", ...QUEUES);
      return {
        queues: mapQueues((queue) => {
          const [pending, dead, oldest] = figures[QUEUES.indexOf(queue)] ?? [];
          return { pending: Number(pending), dead: Number(dead), ...(oldest && { oldest: Number(oldest) }) };
        }),
      };
    },

    trim: (set, keep, max) => runForNumber("trim", set, keep, max),
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

function toStoredValue<T>(text: string, rev: string | undefined) {
  const value: T = JSON.parse(text);
  return { value, rev: Number(rev) };
}

function toAcknowledgeArguments(jobResult: JobResult, remember: Ms): ScriptArguments {
  if ("retryAt" in jobResult) return ["retry", jobResult.retryAt, jobResult.failed ? 1 : 0];
  return "dead" in jobResult ? ["dead", JSON.stringify(jobResult.dead)] : ["done", remember];
}

/**
 * Loads the scripts and returns the function that runs several of them with one write: by their hashes, or by their
 * texts when the server does not know them any longer (after `SCRIPT FLUSH` or a restart). A call of an unknown script
 * had no effect, so repeating it is safe. `prefix` includes the colon; `clock` replaces the server's in tests. With
 * `replicas`, a call that may have written fails unless so many replicas have what it wrote; like any call that fails,
 * it may have been stored nevertheless.
 */
async function loadRedisScripts(
  redis: Redis,
  { prefix, replicas, clock }: { prefix: string; replicas: number; clock?: (() => Ms) | undefined },
) {
  const file = getProductFile("runtime/stores/redis/redis-store.lua");
  const [common = ""] = readFileSync(file, "utf8").split(SCRIPT_MARK);
  const scripts = new Map(
    [...readScripts(file)].map(([name, script]) => {
      const text = `${common}\n${script}`;
      return [name, { text, sha: createHash("sha1").update(text).digest("hex") }];
    }),
  );
  await Promise.all([...scripts.values()].map(({ text }) => redis.script("LOAD", text)));

  async function send(calls: readonly RedisCall[], isKnown: boolean): Promise<RedisReply[]> {
    const now = clock?.() ?? "";
    const { stream } = redis;
    // Corking the stream sends all commands with one write. A pipeline does that too, but creating one is expensive: it
    // is an object with a method for every command of Redis.
    stream.cork();
    const answers = calls.map(({ name, args }) => {
      const { sha = "", text = "" } = scripts.get(name) ?? {};
      const [verb, script] = isKnown ? ["evalsha", sha] : ["eval", text];
      return sendCommand(new Command(verb, [script, 0, prefix, now, ...args], { replyEncoding: "utf8" }));
    });
    const needsReplicas = replicas > 0 && calls.some(({ name }) => !READS.has(name));
    const wait = needsReplicas && sendCommand(new Command("wait", [replicas, REPLICATION_TIMEOUT]));
    stream.uncork();
    const replies = await Promise.all(answers);
    const acknowledged = wait && (await wait);
    if (!acknowledged || ("value" in acknowledged && Number(acknowledged.value) >= replicas)) return replies;
    const error =
      "error" in acknowledged
        ? acknowledged.error
        : new Error(`only ${acknowledged.value} of ${replicas} replicas have the write`);
    return replies.map((reply, i) =>
      READS.has(calls[i]?.name ?? "now") || isUnknownScript(reply) ? reply : { error },
    );
  }

  /**
   * Sends a command and drops its arguments once it is answered. ioredis assigns a closure to each command, and V8
   * allocates a closure that is assigned to a property in the old generation, so the command with its arguments, for
   * example the body of a webhook, would stay in memory until a full garbage collection.
   */
  function sendCommand(command: Command): Promise<RedisReply> {
    redis.sendCommand(command);
    return command.promise.then(
      (value: unknown) => {
        command.args = [];
        return { value };
      },
      (error: unknown) => {
        command.args = [];
        return { error };
      },
    );
  }

  return async (calls: readonly RedisCall[]): Promise<RedisReply[]> => {
    const answers = await send(calls, true);
    const unknownIndexes = answers.flatMap((answer, i) => (isUnknownScript(answer) ? [i] : []));
    if (unknownIndexes.length === 0) return answers;
    const repeated = await send(
      calls.filter((_, i) => unknownIndexes.includes(i)),
      false,
    );
    return answers.map((answer, i) => repeated[unknownIndexes.indexOf(i)] ?? answer);
  };
}

/** Reads the scripts of a Lua file by their names; each begins with a line `-- script: <name>`. */
export function readScripts(file: URL): Map<string, string> {
  const [, ...parts] = readFileSync(file, "utf8").split(SCRIPT_MARK);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}

function isUnknownScript(answer: RedisReply): boolean {
  return "error" in answer && answer.error instanceof Error && answer.error.message.startsWith("NOSCRIPT");
}

/**
 * Creates a queue of calls. Calls of one turn of the event loop, and those that arrive before the server has answered,
 * are sent with one write, in order. Successive commits are combined into one call (group commit), each with its own
 * result based on the state after the previous one. When a call fails, all its commits fail: each may or may not have
 * been stored.
 */
export function createCallQueue(send: (calls: readonly RedisCall[]) => Promise<readonly RedisReply[]>) {
  let waiting: WaitingCall[] = [];
  /** The last waiting call, if it is a group to which a commit can be added. */
  let openGroup: CommitGroup | undefined;
  let isBusy = false;
  let idle: PromiseWithResolvers<void> | undefined;

  async function flush() {
    const batch = waiting;
    waiting = [];
    openGroup = undefined;
    const answers = await sendCalls(batch);
    for (const [i, call] of batch.entries())
      call.settle(answers[i] ?? { error: new Error("Redis returned no reply for a call.") });
    isBusy = waiting.length > 0;
    if (isBusy) void flush();
    else idle?.resolve();
  }

  async function sendCalls(batch: readonly WaitingCall[]): Promise<readonly RedisReply[]> {
    try {
      return await send(batch.map(({ toCall }) => toCall()));
    } catch (error) {
      return batch.map(() => ({ error }));
    }
  }

  function enqueue(call: WaitingCall) {
    waiting.push(call);
    if (isBusy) return;
    isBusy = true;
    idle = undefined;
    setImmediate(flush);
  }

  function findOrCreateGroup(length: number): CommitGroup {
    if (openGroup && openGroup.commits.length < MAX_GROUP_COMMITS && openGroup.length + length <= MAX_GROUP_CHARACTERS)
      return openGroup;
    const group: CommitGroup = {
      ...{ commits: [], length: 0, settlers: [] },
      toCall: () => ({ name: "commit", args: toCommitArguments(group.commits) }),
      settle(reply) {
        const outcomes: unknown[] = "value" in reply && Array.isArray(reply.value) ? reply.value : [];
        for (const [i, settle] of group.settlers.entries()) settle("error" in reply ? reply : { value: outcomes[i] });
      },
    };
    enqueue(group);
    openGroup = group;
    return group;
  }

  return {
    call(name: string, ...args: ScriptArguments): Promise<unknown> {
      const { promise, settle } = createReplyPromise();
      enqueue({ toCall: () => ({ name, args }), settle });
      openGroup = undefined;
      return promise;
    },

    /** Resolves with the outcome of this commit. */
    commit(commit: CheckedCommit): ReturnType<Store["commit"]> {
      const { promise, settle } = createReplyPromise<Awaited<ReturnType<Store["commit"]>>>();
      const length = countCommitCharacters(commit);
      const group = findOrCreateGroup(length);
      group.commits.push(commit);
      group.length += length;
      group.settlers.push(settle);
      return promise;
    },

    /** Resolves when all calls are answered. */
    async idle(): Promise<void> {
      if (!isBusy) return;
      idle ??= Promise.withResolvers();
      await idle.promise;
    },
  };
}

/** Converts commits to the arguments that the script `commit` describes. */
function toCommitArguments(commits: readonly CheckedCommit[]): string[] {
  const texts: string[] = [];
  const heads = commits.map(({ expect, fence, puts, jobs }) => {
    for (const { text } of puts) if (text !== undefined) texts.push(text);
    for (const { text } of jobs) texts.push(text);
    const p = puts.map(({ key, text, sets, expires }) => {
      return { k: key, v: text === undefined ? undefined : true, x: expires, s: sets.length > 0 ? sets : undefined };
    });
    const j = jobs.map(({ id, queue, lane, at }) => ({ i: id, q: queue, l: lane, a: at }));
    return { e: expect, f: fence, p, j };
  });
  return [JSON.stringify(heads), ...texts];
}

function createReplyPromise<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const settle = (reply: RedisReply) => ("error" in reply ? reject(reply.error) : resolve(reply.value as T));
  return { promise, settle };
}

/** Returns the number of characters of a commit's values and job bodies. */
function countCommitCharacters({ puts, jobs }: CheckedCommit): number {
  let length = 0;
  for (const { text } of puts) length += text?.length ?? 0;
  for (const { text } of jobs) length += text.length;
  return length;
}
