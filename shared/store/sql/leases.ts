import { following } from "../counter.ts";
import type { Key, Ms } from "../port.ts";
import { numberOf, type SqlDriver, textOf } from "./driver.ts";

interface Options {
  driver: SqlDriver;
  clock: () => Ms;
  remember: Ms;
}

export function sqlLeases({ driver, clock, remember }: Options) {
  const holds = (key: Key, fence: number) =>
    driver.exec("SELECT 1 FROM lease WHERE key = ? AND fence = ? AND until > ?", key, fence, clock()).length > 0;

  return {
    holds,

    lease(key: Key, owner: string, ttl: Ms) {
      const now = clock();
      const [row] = driver.exec("SELECT owner, fence, until FROM lease WHERE key = ?", key);
      const held = row !== undefined && numberOf(row, "until") > now;
      if (held && textOf(row, "owner") !== owner) {
        return { heldBy: textOf(row, "owner"), until: numberOf(row, "until") };
      }
      const last = row ? numberOf(row, "fence") : 0;
      const fence = held ? last : following(last, now);
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

    release(key: Key, fence: number): boolean {
      if (!holds(key, fence)) return false;
      driver.exec("UPDATE lease SET until = 0 WHERE key = ?", key);
      return true;
    },

    /** Forgets at most `most` fences that need no longer be remembered. */
    sweep(most: number) {
      driver.exec("DELETE FROM lease WHERE key IN (SELECT key FROM lease WHERE forget <= ? LIMIT ?)", clock(), most);
    },
  };
}
