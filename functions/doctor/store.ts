import { type Check, failed, ok, warning } from "./check.ts";

/** What was seen of the store, without opening it as the runtime does. */
export type StoreSeen =
  | { kind: "memory" }
  /** `mode` undefined: there is no such folder yet. */
  | { kind: "file"; folder: string; mode: number | undefined; file: boolean; writable: boolean }
  | { kind: "redis"; info: Record<string, string> }
  | { kind: "redis"; unreachable: string };

/** The oldest Redis whose Lua the store is written for. */
const REDIS_MAJOR = 7;

export function storeChecks(seen: StoreSeen, isRuntimeAlive: boolean): Check[] {
  switch (seen.kind) {
    case "memory":
      return [warning("store", "memory only: what is kept is lost with every restart", "Set STORE_URL.")];
    case "file":
      return [fileCheck(seen, isRuntimeAlive)];
    case "redis":
      if ("unreachable" in seen)
        return [failed("store", seen.unreachable, "Start Redis, or mend STORE_URL (address, user, password, TLS).")];
      return redisChecks(seen.info);
  }
}

function fileCheck(seen: Extract<StoreSeen, { kind: "file" }>, isRuntimeAlive: boolean): Check {
  const { folder, mode, file, writable } = seen;
  if (isRuntimeAlive) return ok("store", `the embedded file in ${folder}, which the runtime has open and answers from`);
  if (mode === undefined) return ok("store", `${folder} is not there yet; the runtime makes it when it starts`);
  if (!writable)
    return failed(
      "store",
      `${folder} cannot be written by this user`,
      `Give ${folder} to the user the runtime runs as.`,
    );
  if (mode & 0o077)
    return warning("store", `${folder} can be entered by others on this machine`, `chmod 700 ${folder}`);
  return ok("store", `${folder} ${file ? "holds the embedded file, which nobody has open" : "is there and empty"}`);
}

function redisChecks(info: Record<string, string>): Check[] {
  const version = info["redis_version"] ?? "";
  const major = Number.parseInt(version, 10);
  const checks: Check[] = [];
  if (!(major >= REDIS_MAJOR))
    checks.push(failed("store", `Redis ${version || "of an unknown version"} is too old`, "Use Redis 7.0 or newer."));
  if (info["role"] !== undefined && info["role"] !== "master")
    checks.push(
      failed("store", `this Redis is a ${info["role"]}, which takes no writes`, "Name the primary in STORE_URL."),
    );
  if (info["cluster_enabled"] === "1")
    checks.push(failed("store", "this Redis is a cluster", "Name a single server in STORE_URL."));
  if (info["aof_enabled"] !== "1")
    checks.push(
      warning(
        "store",
        "Redis keeps no append-only file: what it acknowledged in the last minutes is lost when it dies",
        "Set `appendonly yes` (and `appendfsync everysec` or `always`) in redis.conf.",
      ),
    );
  else if (info["aof_last_write_status"] === "err")
    checks.push(failed("store", "Redis cannot write its append-only file", "Look at its disk and its log."));
  const policy = info["maxmemory_policy"];
  if (policy !== "noeviction")
    checks.push(
      warning(
        "store",
        `Redis forgets what is kept when its memory is full (maxmemory-policy ${policy ?? "unknown"})`,
        "Set `maxmemory-policy noeviction` in redis.conf.",
      ),
    );
  if (checks.length > 0) return checks;
  return [ok("store", `Redis ${version} with an append-only file and noeviction`)];
}
