import type { SqlDriver } from "./driver.ts";

/** Plain SQLite without PRAGMA and BEGIN, which Durable Objects do not allow. Times are store times in milliseconds. */
const TABLES = [
  // The last used number of the sequence, so that no number is used again.
  "CREATE TABLE IF NOT EXISTS counter (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL)",
  "INSERT OR IGNORE INTO counter (one, last) VALUES (1, 0)",

  "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL, expires INTEGER)",
  "CREATE INDEX IF NOT EXISTS kept_expires ON kept (expires) WHERE expires IS NOT NULL",

  // `expires` repeats that of the key, so that counting does not read the values.
  `CREATE TABLE IF NOT EXISTS member (name TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER,
     PRIMARY KEY (name, key)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS member_key ON member (key)",

  // A released lease stays with `until` 0, because its fencing token must be remembered until `forget`.
  `CREATE TABLE IF NOT EXISTS lease (key TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL,
     until INTEGER NOT NULL, forget INTEGER NOT NULL) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS lease_forget ON lease (forget)",

  `CREATE TABLE IF NOT EXISTS job (seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL,
     at INTEGER NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL, token TEXT,
     failures INTEGER NOT NULL DEFAULT 0)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS job_id ON job (queue, id)",
  "CREATE INDEX IF NOT EXISTS job_lane ON job (queue, lane, seq)",

  // One row per lane that has jobs; `head` is its first job, `due` the time when that job may be taken.
  `CREATE TABLE IF NOT EXISTS lane (queue TEXT NOT NULL, lane TEXT NOT NULL, head INTEGER NOT NULL, due INTEGER NOT NULL,
     PRIMARY KEY (queue, lane)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS lane_due ON lane (queue, due, head)",

  `CREATE TABLE IF NOT EXISTS done (queue TEXT NOT NULL, id TEXT NOT NULL, forget INTEGER NOT NULL,
     PRIMARY KEY (queue, id)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS done_forget ON done (forget)",

  // `reason` is JSON text, because an error message may contain characters that SQLite text cannot store.
  `CREATE TABLE IF NOT EXISTS dead (seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL,
     body TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS dead_id ON dead (queue, id)",
  "CREATE INDEX IF NOT EXISTS dead_queue ON dead (queue, seq)",

  "CREATE TABLE IF NOT EXISTS spent (bucket TEXT NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, gone INTEGER NOT NULL)",
  "CREATE INDEX IF NOT EXISTS spent_bucket ON spent (bucket, at)",
  "CREATE INDEX IF NOT EXISTS spent_gone ON spent (gone)",

  `CREATE TABLE IF NOT EXISTS held (bucket TEXT PRIMARY KEY, until INTEGER NOT NULL,
     probe TEXT NOT NULL DEFAULT 'none') WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS held_until ON held (until)",
];

/** Columns that were added later; they are added to the tables of older files. */
const ADDED_COLUMNS = [
  ["job", "failures", "INTEGER NOT NULL DEFAULT 0"],
  ["held", "probe", "TEXT NOT NULL DEFAULT 'none'"],
  // The store time when `last` was saved; 0 in a file of a version without this column.
  ["counter", "at", "INTEGER NOT NULL DEFAULT 0"],
] as const;

export function createSqlTables(driver: SqlDriver) {
  for (const statement of TABLES) driver.exec(statement);
  for (const [table, column, type] of ADDED_COLUMNS) {
    const existing = driver.exec("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", table, column);
    if (existing.length === 0) driver.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  }
}
