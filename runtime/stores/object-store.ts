import { QUEUES } from "../../shared/store/job-operations.ts";
import type { Store } from "../../shared/store/port.ts";
import type { SqlDriver } from "../../shared/store/sql/driver.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import type { Ms } from "../../shared/time.ts";
import type { ObjectStorage } from "./object-storage.ts";

interface ObjectStoreOptions {
  clock: () => Ms;
  remember?: Ms;
  /** Called in the turn of each change, so that what it stores is stored together with the change. */
  onChange?: () => void;
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
    exec: (sql, ...params) => storage.sql.exec(sql, ...params).toArray(),
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

/** The store time when the first waiting job becomes due, or the lease of a taken one ends; undefined without jobs. */
export function readNextDue(storage: Pick<ObjectStorage, "sql">): Ms | undefined {
  const due = storage.sql.exec(NEXT_DUE, JSON.stringify(QUEUES)).toArray()[0]?.["due"];
  return typeof due === "number" ? due : undefined;
}
