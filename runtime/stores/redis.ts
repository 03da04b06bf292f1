import { checkCommit, checkKey, checkMs, checkName, checkSpend, parseJson } from "../../shared/store/checked.ts";
import { PAGE, REMEMBER } from "../../shared/store/counter.ts";
import {
  eachQueue,
  type Key,
  type Ms,
  QUEUES,
  type Queue,
  type QueueStats,
  type Settlement,
  type Spend,
  type Store,
} from "../../shared/store/port.ts";
import * as answers from "./redis/answers.ts";
import { type ConnectOptions, connect } from "./redis/connection.ts";
import { callQueue } from "./redis/queue.ts";
import { type Arguments, redisScripts, type ScriptName } from "./redis/scripts.ts";

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
  const send = await connection
    .answered(() => redisScripts(connection.redis, { prefix: `${prefix}:`, ...(clock && { clock }) }))
    .catch(async (error) => {
      await connection.close();
      throw error;
    });
  const queue = callQueue(send);
  let closed = false;

  async function run(name: ScriptName, ...args: Arguments): Promise<unknown> {
    return asked(() => queue.call(name, ...args));
  }

  function asked(ask: () => Promise<unknown>): Promise<unknown> {
    if (closed) throw new Error("The store is closed.");
    return connection.answered(ask);
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

    async commit(commit) {
      const checked = checkCommit(commit);
      return answers.outcome.parse(await asked(() => queue.commit(checked)));
    },

    async lease(key, owner, ttl) {
      const args = [checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl), remember];
      return answers.leaseAnswer.parse(await run("lease", ...args));
    },

    release: async (key, fence) => answers.yesOrNo.parse(await run("release", key, fence)),

    async take(queue, ttl, max) {
      const [until, ...taken] = answers.takenJobs.parse(await run("take", queue, checkMs("ttl", ttl), max));
      return taken.map(([id, lane, text, tries, failures, token]) => {
        return { id, queue, lane, body: parseJson(text), tries, failures, until, token };
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
      return answers.whole.parse(await run("spend", ...spendArguments({ bucket, n, limit, window })));
    },

    async spendAll(spends) {
      return answers.whole.parse(await run("spend", ...spends.flatMap(spendArguments)));
    },

    async hold(bucket, wait) {
      await run("hold", checkName("bucket", bucket), checkMs("wait", wait));
    },

    async stats() {
      const nothing: QueueStats = { pending: 0, dead: 0 };
      const figures = answers.queueFigures.parse(await run("stats", ...QUEUES));
      const of = (queue: Queue) => figures[QUEUES.indexOf(queue)] ?? nothing;
      return { queues: eachQueue(of) };
    },

    async close() {
      closed = true;
      await queue.idle();
      await connection.close();
    },
  };
}

function keptOf<T>(text: string, rev: number) {
  const value: T = JSON.parse(text);
  return { value, rev };
}

function spendArguments(spend: Spend): (string | number)[] {
  const { bucket, n, limit, window } = checkSpend(spend);
  return [bucket, n, limit, window];
}

function settleArguments(how: Settlement, remember: Ms): (string | number)[] {
  if ("retryAt" in how) return ["retry", checkMs("retryAt", how.retryAt), how.failed ? 1 : 0];
  return "dead" in how ? ["dead", JSON.stringify(how.dead)] : ["done", remember];
}
