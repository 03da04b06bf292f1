/**
 * Cloudflare's platform as far as it is used here: the environment and storage of a Durable Object, with the store on
 * its SQLite and the cache.
 */

import type { Driver } from "unstorage";
import { QUEUES, type Store } from "../../shared/store/port.ts";
import type { SqlDriver, SqlRow } from "../../shared/store/sql/database.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import type { Ms } from "../../shared/time.ts";

export interface ObjectState {
  storage: ObjectStorage;
  /** Delivers no other event to the object until `run` has ended. */
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>;
  /** Ends the object at once; the next event starts it again. */
  abort(reason: string): void;
}

/** The variables and secrets of the Worker, and its bindings. */
export type Env = Record<string, unknown>;

/** The parts of Cloudflare's storage of a Durable Object that are used here. All writes of one turn are stored together. */
export interface ObjectStorage {
  sql: {
    exec(sql: string, ...params: (string | number | null)[]): { toArray(): SqlRow[] };
    /** Bytes. */
    readonly databaseSize: number;
  };
  transactionSync<T>(run: () => T): T;
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<boolean>;
  list(options: { prefix: string }): Promise<Map<string, unknown>>;
  deleteAll(): Promise<void>;
  getAlarm(): Promise<Ms | null>;
  setAlarm(at: Ms): Promise<void>;
}

interface ObjectStoreOptions {
  clock: () => Ms;
  remember?: Ms;
  /** Called in the turn of each change, so that what it stores is stored together with the change. */
  onChange?: () => void;
}

type KeyStorage = Pick<ObjectStorage, "get" | "put" | "delete" | "list">;

/** Limit of an object's storage: 10 GB, by Cloudflare's documentation of Durable Objects. */
const MAX_BYTES = 10 * 1000 ** 3;

/** Reads one index entry per queue. workerd allows only five terms in a compound SELECT. */
const NEXT_DUE =
  "SELECT min((SELECT min(due) FROM lane WHERE lane.queue = each.value)) AS due FROM json_each(?) AS each";

/**
 * Opens the store in a Durable Object's own SQLite. A change is not yet on disk when its promise resolves, but the
 * object's output gate keeps every response and every request to others back until it is.
 */
export function createObjectStore(storage: ObjectStorage, { onChange, ...options }: ObjectStoreOptions): Store {
  const driver: SqlDriver = {
    exec: toSqlExec(storage),
    transaction(run) {
      storage.transactionSync(run);
      onChange?.();
    },
    soon: (run) => void setTimeout(run, 0),
    readCapacity() {
      const used = storage.sql.databaseSize;
      return { disk: { free: Math.max(0, MAX_BYTES - used), size: MAX_BYTES } };
    },
    close() {},
  };
  return createSqlStore(driver, { ...options, alone: true });
}

export function toSqlExec(storage: Pick<ObjectStorage, "sql">): SqlDriver["exec"] {
  return (sql, ...params) => storage.sql.exec(sql, ...params).toArray();
}

/** The store time when the first waiting job becomes due, or the lease of a taken one ends; undefined without jobs. */
export function readNextDue(storage: Pick<ObjectStorage, "sql">): Ms | undefined {
  const due = storage.sql.exec(NEXT_DUE, JSON.stringify(QUEUES)).toArray()[0]?.["due"];
  return typeof due === "number" ? due : undefined;
}

/**
 * Creates a driver of unstorage that keeps a cache in a Durable Object, so that an eviction costs no request to Plane.
 * @param prefix of all its keys in the object's storage, for example `names:`
 */
export function createObjectCache(storage: KeyStorage, prefix: string) {
  const listKeys = async () => [...(await storage.list({ prefix })).keys()];
  return {
    name: "durable-object",
    hasItem: async (key: string) => (await storage.get(prefix + key)) !== undefined,
    getItem: async (key: string) => ((await storage.get(prefix + key)) as string | undefined) ?? null,
    setItem: (key: string, value: string) => storage.put(prefix + key, value),
    removeItem: async (key: string) => void (await storage.delete(prefix + key)),
    getKeys: async () => (await listKeys()).map((key) => key.slice(prefix.length)),
    clear: async () => void (await Promise.all((await listKeys()).map((key) => storage.delete(key)))),
  } satisfies Driver;
}
