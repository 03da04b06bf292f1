import type { Ms } from "../../time.ts";
import type { CheckedPut } from "../engine.ts";
import type { Revision, ScanPage, SetName, StoredRow, StoredValue, StoreKey } from "../port.ts";
import { amortizeSweep } from "./amortize-sweep.ts";

interface Entry {
  text: string;
  rev: Revision;
  sets: SetName[];
  expires: Ms;
}

/** Stores values as JSON text, so that reads never return the object that was stored. */
export function createMemoryValues({ clock, next }: { clock: () => Ms; next: () => number }) {
  const entries = new Map<StoreKey, Entry>();
  const sets = new Map<SetName, Set<StoreKey>>();
  const sweep = amortizeSweep(entries, () => {
    for (const key of entries.keys()) findLive(key);
  });

  function removeKey(key: StoreKey) {
    for (const name of entries.get(key)?.sets ?? []) {
      const members = sets.get(name);
      members?.delete(key);
      if (members?.size === 0) sets.delete(name);
    }
    entries.delete(key);
  }

  function findLive(key: StoreKey): Entry | undefined {
    const entry = entries.get(key);
    if (!entry || entry.expires > clock()) return entry;
    removeKey(key);
    return undefined;
  }

  function get<T>(key: StoreKey): StoredValue<T> | undefined {
    const entry = findLive(key);
    return entry && { value: JSON.parse(entry.text), rev: entry.rev };
  }

  const members = (set: SetName) => [...(sets.get(set) ?? [])].filter((key) => findLive(key) !== undefined);

  return {
    get,
    rev: (key: StoreKey): Revision => findLive(key)?.rev ?? 0,
    count: (set: SetName) => members(set).length,

    scan<T>(set: SetName, after: string | undefined, limit: number): ScanPage<T> {
      const keys = members(set)
        .filter((key) => after === undefined || compareCodePoints(key, after) > 0)
        .sort(compareCodePoints);
      const rows = keys.slice(0, limit).flatMap((key): StoredRow<T>[] => {
        const stored = get<T>(key);
        return stored ? [{ key, ...stored }] : [];
      });
      const last = rows.at(-1);
      return keys.length > limit && last ? { rows, next: last.key } : { rows };
    },

    trim(set: SetName, keep: number, max: number): number {
      const excess = members(set).sort(compareCodePoints).slice(keep).slice(-max);
      for (const key of excess) removeKey(key);
      return excess.length;
    },

    put(puts: CheckedPut[]) {
      sweep();
      if (puts.length === 0) return;
      const rev = next();
      for (const { key, text, sets: names, expires } of puts) {
        removeKey(key);
        if (text === undefined) continue;
        const until = expires === undefined ? Number.POSITIVE_INFINITY : clock() + expires;
        entries.set(key, { text, rev, sets: names, expires: until });
        for (const name of names) {
          const members = sets.get(name);
          if (members) members.add(key);
          else sets.set(name, new Set([key]));
        }
      }
    },
  };
}

/** Compares in the order of UTF-8 bytes, as SQLite and Redis do; the order of UTF-16 units differs for surrogates. */
function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rankCodeUnit(x) - rankCodeUnit(y);
  }
  return a.length - b.length;
}

const rankCodeUnit = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
