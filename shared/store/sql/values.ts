import type { Ms } from "../../time.ts";
import type { CheckedPut } from "../check-commit.ts";
import type { Revision, ScanPage, SetName, StoredRow, StoredValue, StoreKey } from "../port.ts";
import { getNumberColumn, getTextColumn, type SqlDriver, type SqlRow } from "./driver.ts";

const NOT_EXPIRED = "(expires IS NULL OR expires > ?)";

interface SqlValuesOptions {
  driver: SqlDriver;
  clock: () => Ms;
  next: () => number;
}

export function createSqlValues({ driver, clock, next }: SqlValuesOptions) {
  function deleteKey(key: StoreKey) {
    driver.exec("DELETE FROM member WHERE key = ?", key);
    driver.exec("DELETE FROM kept WHERE key = ?", key);
  }

  return {
    get<T>(key: StoreKey): StoredValue<T> | undefined {
      const [row] = driver.exec(`SELECT value, rev FROM kept WHERE key = ? AND ${NOT_EXPIRED}`, key, clock());
      return row && toStoredValue(row);
    },

    rev(key: StoreKey): Revision {
      const [row] = driver.exec(`SELECT rev FROM kept WHERE key = ? AND ${NOT_EXPIRED}`, key, clock());
      return row ? getNumberColumn(row, "rev") : 0;
    },

    scan<T>(set: SetName, after: string | undefined, limit: number): ScanPage<T> {
      const found = driver.exec(
        `SELECT kept.key, kept.value, kept.rev FROM member JOIN kept ON kept.key = member.key
         WHERE member.name = ? AND member.key > ? AND (member.expires IS NULL OR member.expires > ?)
         ORDER BY member.key LIMIT ?`,
        set,
        after ?? "",
        clock(),
        limit + 1,
      );
      const rows = found
        .slice(0, limit)
        .map((row): StoredRow<T> => ({ key: getTextColumn(row, "key"), ...toStoredValue<T>(row) }));
      const last = rows.at(-1);
      return found.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count(set: SetName): number {
      const [row = {}] = driver.exec(
        `SELECT count(*) AS n FROM member WHERE name = ? AND ${NOT_EXPIRED}`,
        set,
        clock(),
      );
      return getNumberColumn(row, "n");
    },

    trim(set: SetName, keep: number, max: number): number {
      // Counts no more keys than it deletes, so that a step takes the same time however large the set is.
      const [row = {}] = driver.exec(
        `SELECT count(*) AS n FROM
           (SELECT 1 FROM member WHERE name = ? AND ${NOT_EXPIRED} ORDER BY key LIMIT ? OFFSET ?)`,
        ...[set, clock(), max, keep],
      );
      const excess = getNumberColumn(row, "n");
      if (excess === 0) return 0;
      const keys = driver.exec(
        `SELECT key FROM member WHERE name = ? AND ${NOT_EXPIRED} ORDER BY key DESC LIMIT ?`,
        ...[set, clock(), excess],
      );
      for (const key of keys) deleteKey(getTextColumn(key, "key"));
      return excess;
    },

    put(puts: CheckedPut[]) {
      if (puts.length === 0) return;
      const rev = next();
      for (const { key, text, sets, expires } of puts) {
        deleteKey(key);
        if (text === undefined) continue;
        const until = expires === undefined ? null : clock() + expires;
        driver.exec("INSERT INTO kept (key, value, rev, expires) VALUES (?, ?, ?, ?)", key, text, rev, until);
        for (const name of sets) {
          driver.exec("INSERT INTO member (name, key, expires) VALUES (?, ?, ?)", name, key, until);
        }
      }
    },

    /** Deletes at most `limit` expired keys. */
    sweep(limit: number) {
      for (const row of driver.exec("SELECT key FROM kept WHERE expires <= ? LIMIT ?", clock(), limit)) {
        deleteKey(getTextColumn(row, "key"));
      }
    },
  };
}

function toStoredValue<T>(row: SqlRow): StoredValue<T> {
  return { value: JSON.parse(getTextColumn(row, "value")), rev: getNumberColumn(row, "rev") };
}
