/** How full the store is: Redis' memory or the disk of the embedded file, and when that is a warning. */

/** Space of the store's engine in bytes; absent where the engine has no such limit or does not report it. */
export interface StoreCapacity {
  /** Memory that counts towards Redis' `maxmemory`, and that limit. */
  memory?: { used: number; limit: number };
  /** The file system of the embedded file: space that this process can still use, and its whole size. */
  disk?: { free: number; size: number };
}

/** A store that is nearly full: the used share of Redis' memory limit, or the file system's free bytes. */
export type CapacityWarning = { kind: "memory"; percent: number } | { kind: "disk"; free: number };

/** Limit of the used share of Redis' memory: 90 %; when it is full, Redis rejects every write. */
const MAX_MEMORY_SHARE = 0.9;

/** Minimum of free disk space in bytes: 1 GiB, or on small file systems a tenth of their size. */
const MIN_FREE_BYTES = 1024 ** 3;

const MIN_FREE_SHARE = 0.1;

/** Finds what will soon be full. Such a store still works, so a warning changes no status. */
export function findCapacityWarnings({ memory, disk }: StoreCapacity): CapacityWarning[] {
  const warnings: CapacityWarning[] = [];
  if (memory && memory.used > memory.limit * MAX_MEMORY_SHARE)
    warnings.push({ kind: "memory", percent: Math.floor((memory.used / memory.limit) * 100) });
  if (disk && disk.free < Math.min(MIN_FREE_BYTES, disk.size * MIN_FREE_SHARE))
    warnings.push({ kind: "disk", free: disk.free });
  return warnings;
}

/** Describes a warning in English, for operators; the page has texts of its own. */
export function describeCapacityWarning(warning: CapacityWarning): string {
  switch (warning.kind) {
    case "memory":
      return `Redis uses ${warning.percent} % of its memory limit (maxmemory) and rejects every write at 100 %`;
    case "disk":
      return `the disk of the store has only ${formatMebibytes(warning.free)} free`;
  }
}

/** Formats a number of bytes for people, for example `12 MiB`. */
export function formatMebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

/** https://redis.io/docs/latest/commands/info/: lines of `name:value` under headings. */
export function parseRedisInfo(text: string): Record<string, string> {
  const pairs = text.split("\r\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 && !line.startsWith("#") ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/**
 * Returns the memory that Redis compares with `maxmemory`, which does not include its replication and append-only
 * buffers; undefined without a limit.
 */
export function toRedisMemory(info: Record<string, string>): StoreCapacity["memory"] {
  const limit = Number(info["maxmemory"] ?? 0);
  const used = Number(info["used_memory"]) - Number(info["mem_not_counted_for_evict"] ?? 0);
  return limit > 0 && Number.isFinite(used) ? { used, limit } : undefined;
}
