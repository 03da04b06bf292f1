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

export interface RedisCall {
  name: ScriptName;
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

/** Calls after which no replica needs to have anything. */
const READS: ReadonlySet<ScriptName> = new Set([
  ...(["now", "read", "scan", "count", "dead", "count-consumed", "pauses", "stats"] as const),
]);

/** Timeout for the replicas: 1 s, half of that for a reply. */
const REPLICATION_TIMEOUT: Ms = 1_000;

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
 * had no effect, so repeating it is safe. `prefix` includes the colon; `clock` replaces the server's in tests. With
 * `replicas`, a call that may have written fails unless so many replicas have what it wrote; like any call that fails, it
 * may have been stored nevertheless.
 */
export async function loadRedisScripts(
  redis: Redis,
  { prefix, replicas, clock }: { prefix: string; replicas: number; clock?: (() => Ms) | undefined },
) {
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
    call(name: ScriptName, ...args: ScriptArguments): Promise<unknown> {
      const { promise, settle } = createReplyPromise();
      enqueue({ toCall: () => ({ name, args }), settle });
      openGroup = undefined;
      return promise;
    },

    /** Resolves with the outcome of this commit. */
    commit(commit: CheckedCommit): Promise<unknown> {
      const { promise, settle } = createReplyPromise();
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

function createReplyPromise() {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  return { promise, settle: (reply: RedisReply) => ("error" in reply ? reject(reply.error) : resolve(reply.value)) };
}

/** Returns the number of characters of a commit's values and job bodies. */
function countCommitCharacters({ puts, jobs }: CheckedCommit): number {
  let length = 0;
  for (const { text } of puts) length += text?.length ?? 0;
  for (const { text } of jobs) length += text.length;
  return length;
}
