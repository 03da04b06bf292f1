import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command, type Redis } from "ioredis";
import type { Ms } from "../../../shared/time.ts";
import type { RedisCall, RedisReply } from "./call-queue.ts";

const SCRIPT_NAMES = [
  "now",
  "read",
  "scan",
  "count",
  "commit",
  "lease",
  "release",
  "take",
  "settle",
  "dead",
  "replay",
  "discard",
  "spend",
  "spent",
  "hold",
  "limit-hold",
  "take-probe",
  "end-probe",
  "holds",
  "advance",
  "stats",
  "trim",
] as const;

export type ScriptName = (typeof SCRIPT_NAMES)[number];

const readScript = (name: string) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");

/** Arguments of a script after the prefix and the time. */
export type ScriptArguments = (string | number)[];

interface ScriptOptions {
  /** Prefix of all keys, including the colon. */
  prefix: string;
  /** Replaces the server's clock in tests. */
  clock?: () => Ms;
}

/**
 * Loads the scripts and returns the function that runs several of them with one write: by their hashes, or by their
 * texts when the server does not know them any longer (after `SCRIPT FLUSH` or a restart). A call of an unknown script
 * had no effect, so repeating it is safe.
 */
export async function loadRedisScripts(redis: Redis, { prefix, clock }: ScriptOptions) {
  const common = readScript("common");
  const scripts = new Map(
    SCRIPT_NAMES.map((name) => {
      const text = `${common}\n${readScript(name)}`;
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

function isUnknownScript(answer: RedisReply): boolean {
  return "error" in answer && answer.error instanceof Error && answer.error.message.startsWith("NOSCRIPT");
}
