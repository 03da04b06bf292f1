import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

/** State of the store, read without opening it as the runtime does. */
export type StoreProbe =
  | { kind: "memory" }
  /** `mode` is undefined when the folder does not exist yet. */
  | { kind: "file"; folder: string; mode: number | undefined; file: boolean; writable: boolean }
  | { kind: "redis"; info: Record<string, string> }
  | { kind: "redis"; unreachable: string };

/** The store's Lua scripts need Redis 7. */
const MIN_REDIS_MAJOR = 7;

export function checkStore(probe: StoreProbe, isRuntimeAlive: boolean): DoctorCheck[] {
  switch (probe.kind) {
    case "memory":
      return [
        reportWarning(
          "store",
          "memory only: all data is lost with every restart",
          "Set STORE_URL to a file or a Redis.",
        ),
      ];
    case "file":
      return [checkStoreFile(probe, isRuntimeAlive)];
    case "redis":
      if ("unreachable" in probe)
        return [
          reportFailure("store", probe.unreachable, "Start Redis, or fix STORE_URL (address, user, password, TLS)."),
        ];
      return checkRedis(probe.info);
  }
}

function checkStoreFile(probe: Extract<StoreProbe, { kind: "file" }>, isRuntimeAlive: boolean): DoctorCheck {
  const { folder, mode, file, writable } = probe;
  if (isRuntimeAlive) return reportOk("store", `the embedded file in ${folder}, opened by the running Groundcrew`);
  if (mode === undefined) return reportOk("store", `${folder} does not exist yet; Groundcrew creates it at startup`);
  if (!writable)
    return reportFailure(
      "store",
      `this user cannot write to ${folder}`,
      `Change the owner of ${folder} to the user that runs Groundcrew.`,
    );
  if (mode & 0o077)
    return reportWarning("store", `other users of this machine can enter ${folder}`, `Run \`chmod 700 ${folder}\`.`);
  return reportOk(
    "store",
    `${folder} ${file ? "contains the embedded file, which no process has open" : "exists and is empty"}`,
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
        `this Redis is a ${info["role"]} and does not accept writes`,
        "Set STORE_URL to the primary.",
      ),
    );
  if (info["cluster_enabled"] === "1")
    checks.push(
      reportFailure("store", "this Redis is a cluster, which is not supported", "Set STORE_URL to a single server."),
    );
  if (info["aof_enabled"] !== "1")
    checks.push(
      reportWarning(
        "store",
        "Redis has no append-only file: a crash loses the writes of the last minutes",
        "Set `appendonly yes` (and `appendfsync everysec` or `always`) in redis.conf.",
      ),
    );
  else if (info["aof_last_write_status"] === "err")
    checks.push(reportFailure("store", "Redis cannot write its append-only file", "Check its disk and its log."));
  const policy = info["maxmemory_policy"];
  if (policy !== "noeviction")
    checks.push(
      reportWarning(
        "store",
        `Redis evicts data when its memory is full (maxmemory-policy ${policy ?? "unknown"})`,
        "Set `maxmemory-policy noeviction` in redis.conf.",
      ),
    );
  if (checks.length > 0) return checks;
  return [reportOk("store", `Redis ${version} with an append-only file and noeviction`)];
}
