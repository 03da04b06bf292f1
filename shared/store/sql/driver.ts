import type { StoreCapacity } from "../capacity.ts";

/**
 * The synchronous database functions that the SQL engine needs; node:sqlite and the SQLite of Durable Objects provide
 * them.
 */
export interface SqlDriver {
  /** Runs one statement; each `?` stands for a parameter, in order. */
  exec(sql: string, ...params: SqlValue[]): SqlRow[];
  /**
   * Runs `run` in a transaction, which is rolled back when it throws. Returns when the transaction is durable. With
   * `isLax` it may return as soon as the transaction survives the end of the process: a failure of the machine may lose
   * it, but then all later transactions are lost as well.
   */
  transaction(run: () => void, isLax?: boolean): void;
  /** Calls `run` soon, after all work of the present turn of the event loop has been queued. */
  soon(run: () => void): void;
  /** Gives space of deleted rows back to the file system in one short step; see `Store.reclaimSpace`. */
  reclaimSpace?(): boolean;
  readCapacity?(): StoreCapacity;
  /** See `Store.saveCopy`. */
  saveCopy?(): Promise<string>;
  close(): void;
}

type SqlValue = string | number | null;
export type SqlRow = Record<string, unknown>;

export function getTextColumn(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`Column ${column} of the store does not contain text.`);
  return value;
}

export function getNumberColumn(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`Column ${column} of the store does not contain a number.`);
  return value;
}
