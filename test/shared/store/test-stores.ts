import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Store } from "../../../shared/store/port.ts";
import type { TestRedis } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { type OpenStore, START_TIME } from "./opened-store.ts";

export const openMemoryStore: OpenStore = async (options) => {
  const time = { now: START_TIME };
  const store = createMemoryStore({ clock: () => time.now, ...options });
  return { store, time, end: () => store.close() };
};

/** Opens a store with `start`, which opens it again with its stored data; `ends` deletes the data. */
async function openRestartable(start: (clock: () => number) => Promise<Store>, ends: (() => unknown)[] = []) {
  const time = { now: START_TIME };
  const clock = () => time.now;
  const opened = {
    store: await start(clock),
    time,
    async restart() {
      await opened.store.close();
      opened.store = await start(clock);
    },
    async end() {
      await opened.store.close();
      for (const end of ends) await end();
    },
  };
  return opened;
}

export const openSqliteStore: OpenStore = (options) => {
  const ends: (() => unknown)[] = [];
  const folder = createTestFolder("store", (end) => ends.push(end));
  return openRestartable(async (clock) => createSqliteStore({ folder, clock, ...options }), ends);
};

let prefixes = 0;

/** Each store has a prefix of its own on the one server. */
export const createRedisOpener =
  (redis: () => TestRedis): OpenStore =>
  (options) => {
    prefixes += 1;
    const prefix = `t${prefixes}`;
    return openRestartable((clock) => connectRedisStore({ url: redis().url, prefix, clock, ...options }));
  };
