import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { StoreCapacity } from "../../shared/store/capacity.ts";
import { findCapacityWarnings, formatMebibytes } from "../../shared/store/capacity.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

/** State of the store, read without opening it as the runtime does. */
export type StoreProbe =
  | { kind: "memory" }
  | FileStoreProbe
  | { kind: "redis"; info: Record<string, string>; memory?: StoreCapacity["memory"] }
  | { kind: "redis"; unreachable: string };

export interface FileStoreProbe {
  kind: "file";
  /** Absolute path of the folder. */
  folder: string;
  /** Permissions of the folder; undefined when it does not exist. */
  mode: number | undefined;
  /** Whether the folder contains the store's file. */
  file: boolean;
  /** Whether this user can write to the folder; when it does not exist, whether this user can create it. */
  writable: boolean;
  /** Why the file cannot be read, for example because it is damaged; it is not read while a Groundcrew is running. */
  problem?: string;
  disk?: StoreCapacity["disk"];
}

/** The running Groundcrew, as far as the store is concerned. `failure`: why it cannot use its store. */
export interface StoreUse {
  isAlive: boolean;
  failure?: string;
}

/** The store's Lua scripts need Redis 7. */
const MIN_REDIS_MAJOR = 7;
/** Minimum of free disk space in bytes: 1 MiB, below which hardly any write succeeds. */
const FULL_DISK_BYTES = 1024 ** 2;
const REBUILD_HINT = "With an empty store Groundcrew reads everything from Plane again.";

export function checkStore(probe: StoreProbe, use: StoreUse): DoctorCheck[] {
  const checks = checkEngine(probe, use);
  if (use.failure === undefined || checks.some(({ status }) => status === "failed")) return checks;
  const todo = "docs/troubleshooting.md (The store) explains the reasons. Plane repeats the webhooks meanwhile.";
  const failure = reportFailure("store", `the running Groundcrew cannot use it: ${use.failure}`, todo);
  return [failure, ...checks.filter(({ status }) => status === "warning")];
}

function checkEngine(probe: StoreProbe, { isAlive }: StoreUse): DoctorCheck[] {
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
      return probe.mode === undefined ? [checkMissingFolder(probe, isAlive)] : checkStoreFile(probe, isAlive);
    case "redis":
      if ("unreachable" in probe)
        return [
          reportFailure("store", probe.unreachable, "Start Redis, or fix STORE_URL (address, user, password, TLS)."),
        ];
      return checkRedis(probe);
  }
}

function checkMissingFolder({ folder, writable }: FileStoreProbe, isAlive: boolean): DoctorCheck {
  if (isAlive)
    return reportFailure(
      "store",
      `${folder} does not exist, although Groundcrew is running: it was moved away, or Groundcrew uses another folder`,
      `Check STORE_URL. If the folder was moved away, restore it or continue without it, and restart Groundcrew. ${REBUILD_HINT}`,
    );
  if (!writable)
    return reportFailure(
      "store",
      `${folder} does not exist, and this user cannot create it`,
      `Create ${folder} for the user that runs Groundcrew, or fix STORE_URL.`,
    );
  return reportWarning(
    "store",
    `${folder} does not exist; Groundcrew would create it and start with an empty store`,
    `Before the first start this is normal. Otherwise check STORE_URL and that the disk is mounted. ${REBUILD_HINT}`,
  );
}

function checkStoreFile(probe: FileStoreProbe, isAlive: boolean): DoctorCheck[] {
  const { folder, mode = 0, file, writable, problem, disk } = probe;
  const checks: DoctorCheck[] = [];
  if (isAlive && !file)
    checks.push(
      reportFailure(
        "store",
        `${folder} contains no store, although Groundcrew is running: it was moved away, or Groundcrew uses another folder`,
        `Check STORE_URL. If the file was moved away, restore it or continue without it, and restart Groundcrew. ${REBUILD_HINT}`,
      ),
    );
  if (!isAlive && !writable)
    checks.push(
      reportFailure(
        "store",
        `this user cannot write to ${folder}`,
        `Change the owner of ${folder} to the user that runs Groundcrew.`,
      ),
    );
  if (problem !== undefined)
    checks.push(
      reportFailure("store", problem, "docs/troubleshooting.md (The store) says what is lost with the file."),
    );
  if (!isAlive && mode & 0o077)
    checks.push(
      reportWarning("store", `other users of this machine can enter ${folder}`, `Run \`chmod 700 ${folder}\`.`),
    );
  checks.push(...checkDisk(folder, disk));
  if (checks.length > 0) return checks;
  if (isAlive) return [reportOk("store", `the embedded file in ${folder}, opened by the running Groundcrew`)];
  return [reportOk("store", `${folder} ${file ? "contains the embedded file" : "exists and is empty"}`)];
}

function checkDisk(folder: string, disk: StoreCapacity["disk"]): DoctorCheck[] {
  if (!disk || findCapacityWarnings({ disk }).length === 0) return [];
  const todo = `Free space on the disk of ${folder}, or move the folder and STORE_URL to a larger one.`;
  if (disk.free < FULL_DISK_BYTES) return [reportFailure("store", `the disk of ${folder} is full`, todo)];
  return [reportWarning("store", `the disk of ${folder} has only ${formatMebibytes(disk.free)} free`, todo)];
}

function checkMemory(memory: StoreCapacity["memory"]): DoctorCheck[] {
  const [warning] = findCapacityWarnings(omitUndefined({ memory }));
  if (!memory || !warning) return [];
  const use = `${formatMebibytes(memory.used)} of ${formatMebibytes(memory.limit)}`;
  const todo = "Raise `maxmemory`, or remove other data from this Redis.";
  if (memory.used > memory.limit)
    return [reportFailure("store", `Redis has reached its maxmemory (${use}) and rejects every write`, todo)];
  return [reportWarning("store", `Redis is nearly full: it uses ${use} (maxmemory)`, todo)];
}

function checkRedis({
  info,
  memory,
}: {
  info: Record<string, string>;
  memory?: StoreCapacity["memory"];
}): DoctorCheck[] {
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
  checks.push(...checkMemory(memory));
  if (checks.length > 0) return checks;
  return [reportOk("store", `Redis ${version} with an append-only file and noeviction`)];
}
