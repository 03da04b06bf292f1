/** What the SQL engine needs of a database; node:sqlite and a Durable Object's SQLite both offer it. Synchronous. */
export interface SqlDriver {
  /** Runs one statement; `?` stand for the parameters, in order. */
  exec(sql: string, ...params: SqlValue[]): SqlRow[];
  /**
   * All that `run` does or, when it throws, nothing; returns when it is durable, else throws. With `isLax` it may return
   * as soon as it outlives the process: when the machine itself fails it may be lost, but then all after it is, too.
   */
  transaction(run: () => void, isLax?: boolean): void;
  /** Calls `run` once soon, when what else arrived in this turn has been queued. */
  soon(run: () => void): void;
  close(): void;
}

type SqlValue = string | number | null;
export type SqlRow = Record<string, unknown>;

export function getTextColumn(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`Column ${column} of the store holds no text.`);
  return value;
}

export function getNumberColumn(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`Column ${column} of the store holds no number.`);
  return value;
}
