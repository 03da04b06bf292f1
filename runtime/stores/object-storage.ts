import type { SqlRow } from "../../shared/store/sql/driver.ts";
import type { Ms } from "../../shared/time.ts";

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
