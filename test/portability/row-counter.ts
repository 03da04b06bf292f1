import type { ObjectStorage } from "../../runtime/workers/platform.ts";

/** What Cloudflare charges for the storage of a Durable Object, and how often its alarm was set. */
export interface StorageUse {
  rowsRead: number;
  rowsWritten: number;
  alarmsSet: number;
}

/** Outlives the object, which workerd evicts when it is idle. */
const use: StorageUse = { rowsRead: 0, rowsWritten: 0, alarmsSet: 0 };

/** A result of Cloudflare's SQL storage, which counts its rows, indexes included. */
interface CountedRows {
  toArray(): ReturnType<ReturnType<ObjectStorage["sql"]["exec"]>["toArray"]>;
  rowsRead: number;
  rowsWritten: number;
}

/**
 * Wraps an object's storage so that its use is counted as Cloudflare charges it: SQL by the rows that SQLite reports, a value
 * and an alarm as one row each.
 */
export function countRows(storage: ObjectStorage): { storage: ObjectStorage; use: StorageUse } {
  const read = <T>(result: T): T => {
    use.rowsRead += 1;
    return result;
  };
  const write = <T>(result: T): T => {
    use.rowsWritten += 1;
    return result;
  };
  const counted: ObjectStorage = {
    sql: {
      get databaseSize() {
        return storage.sql.databaseSize;
      },
      exec(sql, ...params) {
        const cursor = storage.sql.exec(sql, ...params) as CountedRows;
        return {
          toArray() {
            const rows = cursor.toArray();
            use.rowsRead += cursor.rowsRead;
            use.rowsWritten += cursor.rowsWritten;
            return rows;
          },
        };
      },
    },
    transactionSync: (run) => storage.transactionSync(run),
    get: (key) => read(storage.get(key)),
    put: (key, value) => write(storage.put(key, value)),
    delete: (key) => write(storage.delete(key)),
    async list(options) {
      const entries = await storage.list(options);
      use.rowsRead += Math.max(1, entries.size);
      return entries;
    },
    deleteAll: () => storage.deleteAll(),
    getAlarm: () => read(storage.getAlarm()),
    setAlarm(at) {
      use.alarmsSet += 1;
      return write(storage.setAlarm(at));
    },
  };
  return { storage: counted, use };
}
