import { checkCommit, checkKey, checkMs, checkName, parseJson } from "../../shared/store/checked.ts";
import { PAGE, REMEMBER } from "../../shared/store/counter.ts";
import {
  type Commit,
  type Key,
  type Ms,
  QUEUES,
  type QueueStats,
  type Settlement,
  type Store,
} from "../../shared/store/port.ts";
import * as answers from "./redis/answers.ts";
import { type ConnectOptions, connect } from "./redis/connection.ts";
import { redisScripts, type ScriptName } from "./redis/scripts.ts";

interface RedisStoreOptions extends ConnectOptions {
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
export async function redisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, remember = REMEMBER, clock } = options;
  const connection = await connect(options);
  const script = await connection
    .answered(() => redisScripts(connection.redis, `${prefix}:`))
    .catch(async (error) => {
      await connection.close();
      throw error;
    });
  let closed = false;

  async function run(name: ScriptName, ...args: (string | number)[]): Promise<unknown> {
    if (closed) throw new Error("The store is closed.");
    return connection.answered(() => script(name, clock?.(), args));
  }

  return {
    now: async () => answers.whole.parse(await run("now")),

    async read<T>(keys: Key[]) {
      const rows = answers.keptRows.parse(await run("read", ...keys));
      return rows.map(([text, rev]) => (text === undefined || rev === undefined ? undefined : keptOf<T>(text, rev)));
    },

    async scan<T>(set: string, after?: string, limit: number = PAGE) {
      const found = answers.scanRows.parse(await run("scan", set, after ?? "", limit));
      const rows = found.slice(0, limit).map(([key, text, rev]) => ({ key, ...keptOf<T>(text, rev) }));
      const last = rows.at(-1);
      return found.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: async (set) => answers.whole.parse(await run("count", set)),
    commit: async (commit) => answers.outcome.parse(await run("commit", ...commitArguments(commit))),

    async lease(key, owner, ttl) {
      const args = [checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl), remember];
      return answers.leaseAnswer.parse(await run("lease", ...args));
    },

    release: async (key, fence) => answers.yesOrNo.parse(await run("release", key, fence)),

    async take(queue, ttl, max) {
      const [until, ...taken] = answers.takenJobs.parse(await run("take", queue, checkMs("ttl", ttl), max));
      return taken.map(([id, lane, text, tries, token]) => {
        return { id, queue, lane, body: parseJson(text), tries, until, token };
      });
    },

    async settle({ queue, id, token }, how) {
      return answers.yesOrNo.parse(await run("settle", queue, id, token, ...settleArguments(how, remember)));
    },

    async dead(queue, limit = PAGE) {
      const jobs = answers.deadJobs.parse(await run("dead", queue, limit));
      return jobs.map(([id, lane, text, reason, at]) => {
        return { id, queue, lane, body: parseJson(text), reason: String(parseJson(reason)), at };
      });
    },

    replay: async (queue, id) => answers.yesOrNo.parse(await run("replay", queue, id)),

    async spend(bucket, n, limit, window) {
      const args = [checkName("bucket", bucket), n, limit, checkMs("window", window)];
      return answers.whole.parse(await run("spend", ...args));
    },

    async hold(bucket, wait) {
      await run("hold", checkName("bucket", bucket), checkMs("wait", wait));
    },

    async stats() {
      const nothing: QueueStats = { pending: 0, dead: 0 };
      const figures = answers.queueFigures.parse(await run("stats", ...QUEUES));
      const [inbox = nothing, observe = nothing, outbox = nothing, forward = nothing] = figures;
      return { queues: { inbox, observe, outbox, forward } };
    },

    async close() {
      closed = true;
      await connection.close();
    },
  };
}

function keptOf<T>(text: string, rev: number) {
  const value: T = JSON.parse(text);
  return { value, rev };
}

/** In the shape that `commit.lua` describes. */
function commitArguments(commit: Commit): string[] {
  const { expect, fence, puts, jobs } = checkCommit(commit);
  const p = puts.map(({ key, text, sets, expires }) => {
    return { k: key, v: text === undefined ? undefined : true, x: expires, s: sets.length > 0 ? sets : undefined };
  });
  const j = jobs.map(({ id, queue, lane, at }) => ({ i: id, q: queue, l: lane, a: at }));
  const texts = [...puts, ...jobs].flatMap(({ text }) => (text === undefined ? [] : [text]));
  return [JSON.stringify({ e: expect, f: fence, p, j }), ...texts];
}

function settleArguments(how: Settlement, remember: Ms): (string | number)[] {
  if ("retryAt" in how) return ["retry", checkMs("retryAt", how.retryAt)];
  return "dead" in how ? ["dead", JSON.stringify(how.dead)] : ["done", remember];
}
