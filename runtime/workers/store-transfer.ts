/**
 * The object's store as a whole, for `groundcrew backup` and `groundcrew restore` on a machine: a platform without files
 * has no other way to it. What is received is complete in a table of its own first; the object then starts anew and
 * replaces its store before anything else runs.
 */

import { Hono } from "hono";
import type { Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createSqlTables, WORK_TABLES } from "../../shared/store/sql/database.ts";
import {
  findRowFormat,
  formatSavedRows,
  parseSavedRow,
  parseSavedRows,
  readSavedRows,
  writeSavedRow,
} from "../../shared/store/sql/saved-rows.ts";
import { STORE_FORMAT } from "../../shared/store/store-format.ts";
import { type ObjectStorage, toSqlExec } from "./platform.ts";

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

const JSON_HEADERS = { "Content-Type": "application/json" };

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
