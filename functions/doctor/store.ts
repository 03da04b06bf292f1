import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

/** What was seen of the store, without opening it as the runtime does. */
export type StoreProbe =
  | { kind: "memory" }
  /** `mode` undefined: there is no such folder yet. */
  | { kind: "file"; folder: string; mode: number | undefined; file: boolean; writable: boolean }
  | { kind: "redis"; info: Record<string, string> }
  | { kind: "redis"; unreachable: string };

/** The oldest Redis whose Lua the store is written for. */
const MIN_REDIS_MAJOR = 7;

export function checkStore(probe: StoreProbe, isRuntimeAlive: boolean): DoctorCheck[] {
  switch (probe.kind) {
    case "memory":
      return [reportWarning("store", "memory only: what is kept is lost with every restart", "Set STORE_URL.")];
    case "file":
      return [checkStoreFile(probe, isRuntimeAlive)];
    case "redis":
      if ("unreachable" in probe)
        return [
          reportFailure("store", probe.unreachable, "Start Redis, or mend STORE_URL (address, user, password, TLS)."),
        ];
      return checkRedis(probe.info);
  }
}

function checkStoreFile(probe: Extract<StoreProbe, { kind: "file" }>, isRuntimeAlive: boolean): DoctorCheck {
  const { folder, mode, file, writable } = probe;
  if (isRuntimeAlive)
    return reportOk("store", `the embedded file in ${folder}, which the runtime has open and answers from`);
  if (mode === undefined) return reportOk("store", `${folder} is not there yet; the runtime makes it when it starts`);
  if (!writable)
    return reportFailure(
      "store",
      `${folder} cannot be written by this user`,
      `Give ${folder} to the user the runtime runs as.`,
    );
  if (mode & 0o077)
    return reportWarning("store", `${folder} can be entered by others on this machine`, `chmod 700 ${folder}`);
  return reportOk(
    "store",
    `${folder} ${file ? "holds the embedded file, which nobody has open" : "is there and empty"}`,
  );
}

function checkRedis(info: Record<string, string>): DoctorCheck[] {
  const version = info["redis_version"] ?? "";
  const major = Number.parseInt(version, 10);
  const checks: DoctorCheck[] = [];
  if (!(major >= MIN_REDIS_MAJOR))
    checks.push(
      reportFailure("store", `Redis ${version || "of an unknown version"} is too old`, "Use Redis 7.0 or newer."),
    );
  if (info["role"] !== undefined && info["role"] !== "master")
    checks.push(
      reportFailure(
        "store",
        `this Redis is a ${info["role"]}, which takes no writes`,
        "Name the primary in STORE_URL.",
      ),
    );
  if (info["cluster_enabled"] === "1")
    checks.push(reportFailure("store", "this Redis is a cluster", "Name a single server in STORE_URL."));
  if (info["aof_enabled"] !== "1")
    checks.push(
      reportWarning(
        "store",
        "Redis keeps no append-only file: what it acknowledged in the last minutes is lost when it dies",
        "Set `appendonly yes` (and `appendfsync everysec` or `always`) in redis.conf.",
      ),
    );
  else if (info["aof_last_write_status"] === "err")
    checks.push(reportFailure("store", "Redis cannot write its append-only file", "Look at its disk and its log."));
  const policy = info["maxmemory_policy"];
  if (policy !== "noeviction")
    checks.push(
      reportWarning(
        "store",
        `Redis forgets what is kept when its memory is full (maxmemory-policy ${policy ?? "unknown"})`,
        "Set `maxmemory-policy noeviction` in redis.conf.",
      ),
    );
  if (checks.length > 0) return checks;
  return [reportOk("store", `Redis ${version} with an append-only file and noeviction`)];
}
