/**
 * A store on its way between two engines: the records that a restore keeps, with their sets, and the ids of done jobs,
 * one row after the other. A backup has them in a database of SQLite, whatever the engine; a Durable Object sends and
 * receives them as a JSON array with one row in each line.
 */

import { z } from "zod";
import { tryParseJson } from "../../text.ts";
import { isRestoredRecord, STORE_FORMAT_KEY } from "../store-format.ts";
import type { SqlDriver } from "./database.ts";

/** Times are store times in milliseconds; `value` is JSON text. */
const savedRowSchema = z.union([
  z.object({ key: z.string(), value: z.string(), sets: z.array(z.string()), expires: z.number().nullable() }),
  z.object({ done: z.string(), queue: z.string(), forget: z.number() }),
]);

export type SavedRow = z.output<typeof savedRowSchema>;

/** The last row: without it the sender has broken off. */
const endSchema = z.object({ rows: z.number() });

const formatSchema = z.object({ format: z.number() }).catch({ format: 0 });

/** Rows that are read at once: 500, so that other calls are handled between two pages. */
const PAGE_SIZE = 500;

type Exec = Pick<SqlDriver, "exec">;

/**
 * Yields what is saved of a database. Each page is read when it is needed, so what changes meanwhile may be in it or not;
 * a record is history, a sum or a mark, and means the same without the others.
 */
export function* readSavedRows({ exec }: Exec): Generator<SavedRow> {
  const records = `SELECT key, value, expires,
      (SELECT json_group_array(name) FROM member WHERE member.key = record.key) AS sets
    FROM record WHERE key > ? ORDER BY key LIMIT +?`;
  for (let rows = exec(records, "", PAGE_SIZE); rows.length > 0; ) {
    for (const { key, value, expires, sets } of rows)
      if (isRestoredRecord(String(key)))
        yield savedRowSchema.parse({ key, value, expires, sets: JSON.parse(String(sets)) });
    rows = exec(records, String(rows.at(-1)?.["key"]), PAGE_SIZE);
  }
  const done = `SELECT queue, id AS done, forget FROM done WHERE (queue, id) > (?, ?) ORDER BY queue, id LIMIT +?`;
  for (let rows = exec(done, "", "", PAGE_SIZE); rows.length > 0; ) {
    for (const row of rows) yield savedRowSchema.parse(row);
    const last = rows.at(-1);
    rows = exec(done, String(last?.["queue"]), String(last?.["done"]), PAGE_SIZE);
  }
}

/** Adds a row to a database with the store's tables. */
export function writeSavedRow({ exec }: Exec, row: SavedRow): void {
  if ("done" in row) {
    exec("INSERT OR REPLACE INTO done (queue, id, forget) VALUES (?, ?, ?)", row.queue, row.done, row.forget);
    return;
  }
  const { key, value, sets, expires } = row;
  // Nothing refers to the revisions of the old store, and every later one is greater.
  exec("INSERT INTO record (key, value, rev, expires) VALUES (?, ?, 1, ?)", key, value, expires);
  for (const name of sets) exec("INSERT INTO member (name, key, expires) VALUES (?, ?, ?)", name, key, expires);
}

/** The format of the store, where this row is the record of it. */
export function findRowFormat(row: SavedRow): number | undefined {
  return "key" in row && row.key === STORE_FORMAT_KEY ? formatSchema.parse(tryParseJson(row.value)).format : undefined;
}

export const parseSavedRow = (text: string): SavedRow => savedRowSchema.parse(JSON.parse(text));

/** The text of the rows, line by line. */
export function* formatSavedRows(rows: Iterable<SavedRow>): Generator<string> {
  let count = 0;
  for (const row of rows) {
    yield `${count === 0 ? "[" : ","}${JSON.stringify(row)}\n`;
    count += 1;
  }
  yield `${count === 0 ? "[" : ","}${JSON.stringify({ rows: count })}]\n`;
}

/** Yields the rows of such a text as they arrive. Throws an Error when it is another text or ends early. */
export async function* parseSavedRows(body: ReadableStream<Uint8Array>): AsyncGenerator<SavedRow> {
  let count = 0;
  let isComplete = false;
  for await (const line of readLines(body)) {
    const row: unknown = JSON.parse(line.replace(/^[[,]/, "").replace(/\]$/, ""));
    const end = endSchema.safeParse(row);
    if (isComplete || (end.success && end.data.rows !== count)) break;
    isComplete = end.success;
    if (isComplete) continue;
    count += 1;
    yield savedRowSchema.parse(row);
  }
  if (!isComplete) throw new Error(`the rows of the store end after ${count}, before they are complete`);
}

async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (done) break;
  }
  if (rest !== "") yield rest;
}
