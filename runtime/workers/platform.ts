/**
 * Cloudflare's platform as far as it is used here: the environment and storage of a Durable Object, with the store on
 * its SQLite, the cache, and the store as a whole for `groundcrew backup` and `groundcrew restore` on a machine, which
 * have no other way to it.
 */

import { Hono } from "hono";
import type { Driver } from "unstorage";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { QUEUES, type Store } from "../../shared/store/port.ts";
import {
  createSqlTables,
  findRowFormat,
  formatSavedRows,
  parseSavedRow,
  parseSavedRows,
  readSavedRows,
  type SqlDriver,
  type SqlRow,
  WORK_TABLES,
  writeSavedRow,
} from "../../shared/store/sql/database.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import { STORE_FORMAT } from "../../shared/store/store-format.ts";
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

type Storage = Pick<ObjectStorage, "sql" | "transactionSync">;

/** Characters in one piece of the answer: 64 Ki, so that other requests are handled between two pieces. */
const PIECE_LENGTH = 64 * 1024;

/** Rows that are read at once when the store is replaced: 500, because an object has 128 MB of memory. */
const PAGE_SIZE = 500;

/** Sends the store, or takes another one and calls `restart`, which must end the object after the answer. */
export function createStoreRoute(storage: Storage, restart: () => void): Route {
  const exec = toSqlExec(storage);
  return {
    path: "/api/store",
    access: "admin",
    app: ({ log }) =>
      new Hono()
        .get("/", (c) => c.body(toStream(formatSavedRows(readSavedRows({ exec }))), 200, JSON_HEADERS))
        .put("/", async (c) => {
          const rows = await receiveRows(exec, c.req.raw.body);
          log.info("store received, starting anew", { rows });
          restart();
          return c.json({ rows });
        }),
  };
}

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

const JSON_HEADERS = { "Content-Type": "application/json" };

function toSqlExec(storage: Pick<ObjectStorage, "sql">): SqlDriver["exec"] {
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

function toStream(lines: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      let text = "";
      for (let next = lines.next(); !next.done; next = lines.next()) {
        text += next.value;
        if (text.length < PIECE_LENGTH) continue;
        controller.enqueue(encoder.encode(text));
        return;
      }
      controller.enqueue(encoder.encode(text));
      controller.close();
    },
  });
}

/** Stores the rows in a table, which gets its name when all have arrived. Returns their number. */
async function receiveRows(exec: ReturnType<typeof toSqlExec>, body: ReadableStream<Uint8Array> | null) {
  for (const table of ["incoming", "received"]) exec(`DROP TABLE IF EXISTS ${table}`);
  exec("CREATE TABLE incoming (n INTEGER PRIMARY KEY, row TEXT NOT NULL)");
  let count = 0;
  let format: number | undefined;
  try {
    for await (const row of parseSavedRows(body ?? new ReadableStream({ start: (out) => out.close() }))) {
      exec("INSERT INTO incoming (row) VALUES (?)", JSON.stringify(row));
      format ??= findRowFormat(row);
      count += 1;
    }
  } catch (cause) {
    throw new GroundcrewError("bad_request", `This is no store: ${getErrorMessage(cause)}.`, { cause });
  }
  if (format !== STORE_FORMAT)
    throw new GroundcrewError("conflict", `This store has format ${format}, and this Groundcrew uses ${STORE_FORMAT}.`);
  exec("ALTER TABLE incoming RENAME TO received");
  return count;
}

/** Replaces the store by the received one, if there is one; returns whether it did. To be called before the store is opened. */
export function adoptReceivedStore(storage: Storage): boolean {
  const exec = toSqlExec(storage);
  if (exec("SELECT 1 FROM pragma_table_info(?)", "received").length === 0) return false;
  createSqlTables({ exec });
  storage.transactionSync(() => {
    for (const table of [...WORK_TABLES, "record", "member", "done"]) exec(`DELETE FROM ${table}`);
    const read = (after: number) =>
      exec("SELECT n, row FROM received WHERE n > ? ORDER BY n LIMIT +?", after, PAGE_SIZE);
    for (let rows = read(0); rows.length > 0; rows = read(Number(rows.at(-1)?.["n"])))
      for (const { row } of rows) writeSavedRow({ exec }, parseSavedRow(String(row)));
    exec("DROP TABLE received");
  });
  return true;
}
