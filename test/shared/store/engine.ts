import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { redisStore } from "../../../runtime/stores/redis.ts";
import { sqliteStore } from "../../../runtime/stores/sqlite.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import type { Ms, Store } from "../../../shared/store/port.ts";
import type { TestRedis } from "../../redis.ts";

/** A store on a clock that stands still until it is told. */
export interface Opened {
  store: Store;
  time: TestTime;
  /** Ends this process's part and begins anew on what is kept; absent where nothing outlives the process. */
  restart?(): Promise<void>;
  /** Closes the store and removes what it kept. */
  end(): Promise<void>;
}

interface TestTime {
  now: Ms;
}

/** Opens an empty store of one engine. */
export type Open = (options?: { remember?: Ms }) => Promise<Opened>;

/** 2026-11-21T00:00:00Z */
export const START: Ms = 1_795_219_200_000;

export const openMemory: Open = async (options) => {
  const time = { now: START };
  const store = memoryStore({ clock: () => time.now, ...options });
  return { store, time, end: () => store.close() };
};

export const openSqlite: Open = async (options) => {
  const time = { now: START };
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-store-"));
  const start = () => sqliteStore({ folder, clock: () => time.now, ...options });
  const opened = {
    store: start(),
    time,
    async restart() {
      await opened.store.close();
      opened.store = start();
    },
    async end() {
      await opened.store.close();
      rmSync(folder, { recursive: true });
    },
  };
  return opened;
};

let prefixes = 0;

/** Each store has a prefix of its own on the one server. */
export const openRedis =
  (redis: () => TestRedis): Open =>
  async (options) => {
    const time = { now: START };
    prefixes += 1;
    const prefix = `t${prefixes}`;
    const start = () => redisStore({ url: redis().url, prefix, clock: () => time.now, ...options });
    const one = {
      store: await start(),
      time,
      async restart() {
        await one.store.close();
        one.store = await start();
      },
      end: () => one.store.close(),
    };
    return one;
  };
