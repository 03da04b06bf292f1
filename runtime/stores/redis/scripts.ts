import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

const NAMES = [
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
  "spend",
  "hold",
  "stats",
] as const;

export type ScriptName = (typeof NAMES)[number];

const textOf = (name: string) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");

/**
 * Loads the scripts and gives the function that runs one by its hash, or by its text when the server no longer knows it
 * (after `SCRIPT FLUSH` or a restart): a script that is not known has done nothing, so running it again is safe.
 */
export async function redisScripts(redis: Redis, prefix: string) {
  const common = textOf("common");
  const scripts = new Map(
    NAMES.map((name) => {
      const text = `${common}\n${textOf(name)}`;
      return [name, { text, sha: createHash("sha1").update(text).digest("hex") }];
    }),
  );
  await Promise.all([...scripts.values()].map(({ text }) => redis.script("LOAD", text)));

  return async (name: ScriptName, now: number | undefined, args: (string | number)[]): Promise<unknown> => {
    const script = scripts.get(name);
    if (!script) throw new Error(`There is no script ${name}.`);
    const all = [prefix, now ?? "", ...args];
    try {
      return await redis.evalsha(script.sha, 0, ...all);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(script.text, 0, ...all);
    }
  };
}
