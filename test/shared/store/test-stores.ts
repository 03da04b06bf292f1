import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import type { TestRedis } from "../../support/redis-server.ts";
import { type OpenStore, START_TIME } from "./opened-store.ts";

export const openMemoryStore: OpenStore = async (options) => {
  const time = { now: START_TIME };
  const store = createMemoryStore({ clock: () => time.now, ...options });
  return { store, time, end: () => store.close() };
};

export const openSqliteStore: OpenStore = async (options) => {
  const time = { now: START_TIME };
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-store-"));
  const start = () => createSqliteStore({ folder, clock: () => time.now, ...options });
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
export const createRedisOpener =
  (redis: () => TestRedis): OpenStore =>
  async (options) => {
    const time = { now: START_TIME };
    prefixes += 1;
    const prefix = `t${prefixes}`;
    const start = () => connectRedisStore({ url: redis().url, prefix, clock: () => time.now, ...options });
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
