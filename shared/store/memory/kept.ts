import type { CheckedPut } from "../checked.ts";
import type { Kept, Key, Ms, Page, Rev, Row, SetName } from "../port.ts";
import { nowAndThen } from "./sweep.ts";

interface Entry {
  text: string;
  rev: Rev;
  sets: SetName[];
  expires: Ms;
}

/** Kept values as JSON text, so that what is read is never the object that was put. */
export function memoryKept({ clock, next }: { clock: () => Ms; next: () => number }) {
  const entries = new Map<Key, Entry>();
  const sets = new Map<SetName, Set<Key>>();
  const sweep = nowAndThen(entries, () => {
    for (const key of entries.keys()) live(key);
  });

  function forget(key: Key) {
    for (const name of entries.get(key)?.sets ?? []) {
      const members = sets.get(name);
      members?.delete(key);
      if (members?.size === 0) sets.delete(name);
    }
    entries.delete(key);
  }

  function live(key: Key): Entry | undefined {
    const entry = entries.get(key);
    if (!entry || entry.expires > clock()) return entry;
    forget(key);
    return undefined;
  }

  function get<T>(key: Key): Kept<T> | undefined {
    const entry = live(key);
    return entry && { value: JSON.parse(entry.text), rev: entry.rev };
  }

  const members = (set: SetName) => [...(sets.get(set) ?? [])].filter((key) => live(key) !== undefined);

  return {
    get,
    rev: (key: Key): Rev => live(key)?.rev ?? 0,
    count: (set: SetName) => members(set).length,

    scan<T>(set: SetName, after: string | undefined, limit: number): Page<T> {
      const keys = members(set)
        .filter((key) => after === undefined || byCodePoint(key, after) > 0)
        .sort(byCodePoint);
      const rows = keys.slice(0, limit).flatMap((key): Row<T>[] => {
        const kept = get<T>(key);
        return kept ? [{ key, ...kept }] : [];
      });
      const last = rows.at(-1);
      return keys.length > limit && last ? { rows, next: last.key } : { rows };
    },

    put(puts: CheckedPut[]) {
      sweep();
      if (puts.length === 0) return;
      const rev = next();
      for (const { key, text, sets: names, expires } of puts) {
        forget(key);
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

/** The order of UTF-8 bytes, which SQLite and Redis sort by; UTF-16 units differ where surrogates come in. */
function byCodePoint(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
