import type { StoreCapacity } from "../../../shared/store/capacity.ts";

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
