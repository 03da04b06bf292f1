import type { CheckedPut } from "../checked.ts";
import type { Kept, Key, Ms, Page, Rev, Row, SetName } from "../port.ts";
import { numberOf, type SqlDriver, type SqlRow, textOf } from "./driver.ts";

const LIVE = "(expires IS NULL OR expires > ?)";

interface Options {
  driver: SqlDriver;
  clock: () => Ms;
  next: () => number;
}

export function sqlKept({ driver, clock, next }: Options) {
  function forget(key: Key) {
    driver.exec("DELETE FROM member WHERE key = ?", key);
    driver.exec("DELETE FROM kept WHERE key = ?", key);
  }

  return {
    get<T>(key: Key): Kept<T> | undefined {
      const [row] = driver.exec(`SELECT value, rev FROM kept WHERE key = ? AND ${LIVE}`, key, clock());
      return row && keptOf(row);
    },

    rev(key: Key): Rev {
      const [row] = driver.exec(`SELECT rev FROM kept WHERE key = ? AND ${LIVE}`, key, clock());
      return row ? numberOf(row, "rev") : 0;
    },

    scan<T>(set: SetName, after: string | undefined, limit: number): Page<T> {
      const found = driver.exec(
        `SELECT kept.key, kept.value, kept.rev FROM member JOIN kept ON kept.key = member.key
         WHERE member.name = ? AND member.key > ? AND (member.expires IS NULL OR member.expires > ?)
         ORDER BY member.key LIMIT ?`,
        set,
        after ?? "",
        clock(),
        limit + 1,
      );
      const rows = found.slice(0, limit).map((row): Row<T> => ({ key: textOf(row, "key"), ...keptOf<T>(row) }));
      const last = rows.at(-1);
      return found.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count(set: SetName): number {
      const [row = {}] = driver.exec(`SELECT count(*) AS n FROM member WHERE name = ? AND ${LIVE}`, set, clock());
      return numberOf(row, "n");
    },

    put(puts: CheckedPut[]) {
      if (puts.length === 0) return;
      const rev = next();
      for (const { key, text, sets, expires } of puts) {
        forget(key);
        if (text === undefined) continue;
        const until = expires === undefined ? null : clock() + expires;
        driver.exec("INSERT INTO kept (key, value, rev, expires) VALUES (?, ?, ?, ?)", key, text, rev, until);
        for (const name of sets) {
          driver.exec("INSERT INTO member (name, key, expires) VALUES (?, ?, ?)", name, key, until);
        }
      }
    },

    /** Forgets at most `most` keys that have run out. */
    sweep(most: number) {
      for (const row of driver.exec("SELECT key FROM kept WHERE expires <= ? LIMIT ?", clock(), most)) {
        forget(textOf(row, "key"));
      }
    },
  };
}

function keptOf<T>(row: SqlRow): Kept<T> {
  return { value: JSON.parse(textOf(row, "value")), rev: numberOf(row, "rev") };
}
