import type { Ms } from "../../time.ts";
import type { StoreKey } from "../port.ts";
import { nextSequenceNumber } from "../sequence.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./driver.ts";

interface SqlLeasesOptions {
  driver: SqlDriver;
  clock: () => Ms;
  remember: Ms;
}

export function createSqlLeases({ driver, clock, remember }: SqlLeasesOptions) {
  const isHeld = (key: StoreKey, fence: number) =>
    driver.exec("SELECT 1 FROM lease WHERE key = ? AND fence = ? AND until > ?", key, fence, clock()).length > 0;

  return {
    holds: isHeld,

    lease(key: StoreKey, owner: string, ttl: Ms) {
      const now = clock();
      const [row] = driver.exec("SELECT owner, fence, until FROM lease WHERE key = ?", key);
      const isActive = row !== undefined && getNumberColumn(row, "until") > now;
      if (isActive && getTextColumn(row, "owner") !== owner) {
        return { heldBy: getTextColumn(row, "owner"), until: getNumberColumn(row, "until") };
      }
      const last = row ? getNumberColumn(row, "fence") : 0;
      const fence = isActive ? last : nextSequenceNumber(last, now);
      const until = now + ttl;
      driver.exec(
        "INSERT OR REPLACE INTO lease (key, owner, fence, until, forget) VALUES (?, ?, ?, ?, ?)",
        key,
        owner,
        fence,
        until,
        until + remember,
      );
      return { fence, until };
    },

    release(key: StoreKey, fence: number): boolean {
      if (!isHeld(key, fence)) return false;
      driver.exec("UPDATE lease SET until = 0 WHERE key = ?", key);
      return true;
    },

    /** Deletes at most `limit` leases whose fencing token need not be remembered any longer. */
    sweep(limit: number) {
      driver.exec("DELETE FROM lease WHERE key IN (SELECT key FROM lease WHERE forget <= ? LIMIT ?)", clock(), limit);
    },
  };
}
