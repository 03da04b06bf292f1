/**
 * The calls of Redis: the Lua scripts of lua/, and the queue that sends calls of one moment with one write and combines
 * commits.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command, type Redis } from "ioredis";
import type { CheckedCommit } from "../../../shared/store/engine.ts";
import type { Ms } from "../../../shared/time.ts";
import { getProductFile } from "../../node/files.ts";

/** Arguments of a script after the prefix and the time. */
export type ScriptArguments = (string | number)[];

interface ScriptOptions {
  /** Prefix of all keys, including the colon. */
  prefix: string;
  /** Replaces the server's clock in tests. */
  clock?: () => Ms;
}

export interface RedisCall {
  name: ScriptName;
  args: ScriptArguments;
}

/** The result of one call. */
export type RedisReply = { value: unknown } | { error: unknown };

/** Who waits for the reply: the functions that settle a promise. */
interface Waiter {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

interface WaitingCall extends RedisCall, Waiter {}

/** Commits of one call, each with its own waiter. */
interface CommitGroup {
  commits: CheckedCommit[];
  length: number;
  waiters: Waiter[];
}

const SCRIPT_NAMES = [
  "now",
  "read",
  "scan",
  "count",
  "commit",
  "lease",
  "release",
  "take",
  "acknowledge",
  "dead",
  "replay",
  "discard",
  "consume",
  "count-consumed",
  "pause",
  "limit-pause",
  "take-probe",
  "end-probe",
  "pauses",
  "advance",
  "stats",
  "trim",
] as const;

export type ScriptName = (typeof SCRIPT_NAMES)[number];

/** Limit of commits in one call: 100, because the server does nothing else during a call. */
const MAX_GROUP_COMMITS = 100;

/** Limit of the text in one call of several commits: 1 Mi characters, for the same reason. */
const MAX_GROUP_CHARACTERS = 1024 * 1024;

/**
 * Loads the scripts and returns the function that runs several of them with one write: by their hashes, or by their
 * texts when the server does not know them any longer (after `SCRIPT FLUSH` or a restart). A call of an unknown script
 * had no effect, so repeating it is safe.
 */
export async function loadRedisScripts(redis: Redis, { prefix, clock }: ScriptOptions) {
  const common = readFileSync(getProductFile("runtime/stores/redis/lua/common.lua"), "utf8");
  const files = ["values", "jobs", "buckets"].map((name) => getProductFile(`runtime/stores/redis/lua/${name}.lua`));
  const texts = new Map(files.flatMap((file) => [...readScripts(file)]));
  const scripts = new Map(
    SCRIPT_NAMES.map((name) => {
      const text = `${common}\n${texts.get(name) ?? ""}`;
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
    stream.uncork();
    return Promise.all(answers);
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
  const [, ...parts] = readFileSync(file, "utf8").split(/^-- script: /m);
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
  let waiting: (WaitingCall | CommitGroup)[] = [];
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
      settleCall(call, answers[i] ?? { error: new Error("Redis returned no reply for a call.") });
    isBusy = waiting.length > 0;
    if (isBusy) void flush();
    else idle?.resolve();
  }

  async function sendCalls(batch: typeof waiting): Promise<readonly RedisReply[]> {
    try {
      return await send(batch.map(toCall));
    } catch (error) {
      return batch.map(() => ({ error }));
    }
  }

  function enqueue(call: WaitingCall | CommitGroup) {
    waiting.push(call);
    if (isBusy) return;
    isBusy = true;
    idle = undefined;
    setImmediate(flush);
  }

  function findOrCreateGroup(length: number): CommitGroup {
    if (openGroup && openGroup.commits.length < MAX_GROUP_COMMITS && openGroup.length + length <= MAX_GROUP_CHARACTERS)
      return openGroup;
    const group: CommitGroup = { commits: [], length: 0, waiters: [] };
    enqueue(group);
    openGroup = group;
    return group;
  }

  return {
    call(name: ScriptName, ...args: ScriptArguments): Promise<unknown> {
      return new Promise((resolve, reject) => {
        enqueue({ name, args, resolve, reject });
        openGroup = undefined;
      });
    },

    /** Resolves with the outcome of this commit. */
    commit(commit: CheckedCommit): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const length = countCommitCharacters(commit);
        const group = findOrCreateGroup(length);
        group.commits.push(commit);
        group.length += length;
        group.waiters.push({ resolve, reject });
      });
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

function toCall(call: WaitingCall | CommitGroup): RedisCall {
  return "commits" in call ? { name: "commit", args: toCommitArguments(call.commits) } : call;
}

/** Settles a call, or each commit of a group with its own result. */
function settleCall(call: WaitingCall | CommitGroup, answer: RedisReply) {
  const waiters = "waiters" in call ? call.waiters : [call];
  for (const [index, { resolve, reject }] of waiters.entries()) {
    if ("error" in answer) reject(answer.error);
    else if ("waiters" in call) resolve(Array.isArray(answer.value) ? answer.value[index] : undefined);
    else resolve(answer.value);
  }
}

/** Returns the number of characters of a commit's values and job bodies. */
function countCommitCharacters({ puts, jobs }: CheckedCommit): number {
  let length = 0;
  for (const { text } of puts) length += text?.length ?? 0;
  for (const { text } of jobs) length += text.length;
  return length;
}
