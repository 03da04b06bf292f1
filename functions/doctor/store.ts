/** Checks of the store and of its backups. */

import { findCapacityWarnings, formatMebibytes, type StoreCapacity } from "../../shared/store/port.ts";
import { formatIsoTime, HOUR, type Ms } from "../../shared/time.ts";
import { collectFindings, createReport, type Finding, hasFailure } from "./findings.ts";

/** State of the store, read without opening it as the runtime does. */
export type StoreProbe = { kind: "memory" } | FileStoreProbe | RedisProbe | { kind: "redis"; unreachable: string };

interface FileStoreProbe {
  kind: "file";
  folder: string;
  /** Permissions of the folder; undefined when it does not exist. */
  mode: number | undefined;
  file: boolean;
  /** Whether this user can write to the folder; when it does not exist, whether this user can create it. */
  writable: boolean;
  /** Why the file cannot be read, for example because it is damaged; it is not read while a Groundcrew is running. */
  problem?: string;
  disk?: StoreCapacity["disk"];
}

interface RedisProbe {
  kind: "redis";
  info: Record<string, string | undefined>;
  memory?: StoreCapacity["memory"];
}

/**
 * What was found in BACKUP_FOLDER: when the newest backup began, or why that cannot be said; and, where BACKUP_AFTER
 * copies backups elsewhere, the last one that it has copied, if there is any.
 */
export type BackupProbe = ({ began: Ms } | { problem: string }) & {
  copies?: { last?: { name: string; began: Ms; copied: Ms } };
};

/** The store's Lua scripts need Redis 7. */
const MIN_REDIS_MAJOR = 7;

/** Minimum of free disk space in bytes: 1 MiB, below which hardly any write succeeds. */
const FULL_DISK_BYTES = 1024 ** 2;

const MOVED = "it was moved away, or Groundcrew uses another folder";

const REBUILD_HINT = "With an empty store Groundcrew reads everything from Plane again.";

/** Age from which a backup, or its copy, counts as missing: 26 hours, so that a daily one may be late by two. */
const MAX_AGE: Ms = 26 * HOUR;

const { ok, warning, failed } = createReport("store");

/**
 * Findings about the store; one that the running Groundcrew cannot use has failed whatever this machine sees of it.
 * `isAlive`: a Groundcrew is running; `failure`: why it cannot use its store.
 */
export function checkStore(
  probe: StoreProbe,
  { isAlive, failure: reason }: { isAlive: boolean; failure?: string | undefined },
): Finding[] {
  const checks = checkEngine(probe, isAlive);
  if (reason === undefined || hasFailure(checks)) return checks;
  const failure = failed`the running Groundcrew cannot use it: ${reason}
    → docs/troubleshooting.md (The store) explains the reasons. Plane repeats the webhooks meanwhile.`;
  return [failure, ...checks.filter(({ status }) => status === "warning")];
}

function checkEngine(probe: StoreProbe, isAlive: boolean): Finding[] {
  if (probe.kind === "memory")
    return [warning`memory only: all data is lost with every restart → Set STORE_URL to a file or a Redis.`];
  if (probe.kind === "file")
    return probe.mode === undefined ? [checkMissingFolder(probe, isAlive)] : checkStoreFile(probe, isAlive);
  if ("info" in probe) return checkRedis(probe);
  return [failed`${probe.unreachable} → Start Redis, or fix STORE_URL (address, user, password, TLS).`];
}

function checkMissingFolder({ folder, writable }: FileStoreProbe, isAlive: boolean): Finding {
  if (isAlive)
    return failed`${folder} does not exist, although Groundcrew is running: ${MOVED} → ${formatMovedHint("folder")}`;
  if (!writable)
    return failed`${folder} does not exist, and this user cannot create it
      → Create ${folder} for the user that runs Groundcrew, or fix STORE_URL.`;
  return warning`${folder} does not exist; Groundcrew would create it and start with an empty store
    → Before the first start this is normal. Otherwise check STORE_URL and that the disk is mounted. ${REBUILD_HINT}`;
}

function formatMovedHint(what: "folder" | "file"): string {
  return `Check STORE_URL. If the ${what} was moved away, restore it or continue without it, and restart Groundcrew. ${REBUILD_HINT}`;
}

function checkStoreFile(probe: FileStoreProbe, isAlive: boolean): Finding[] {
  const { folder, mode = 0, file, writable, problem, disk } = probe;
  const checks = collectFindings(
    isAlive &&
      !file &&
      failed`${folder} contains no store, although Groundcrew is running: ${MOVED} → ${formatMovedHint("file")}`,
    !isAlive &&
      !writable &&
      failed`this user cannot write to ${folder}
        → Change the owner of ${folder} to the user that runs Groundcrew.`,
    problem !== undefined && failed`${problem} → docs/troubleshooting.md (The store) says what is lost with the file.`,
    !isAlive &&
      (mode & 0o077) !== 0 &&
      warning`other users of this machine can enter ${folder} → Run \`chmod 700 ${folder}\`.`,
    checkDisk(folder, disk),
  );
  if (checks.length > 0) return checks;
  if (isAlive) return [ok`the embedded file in ${folder}, opened by the running Groundcrew`];
  return [ok`${folder} ${file ? "contains the embedded file" : "exists and is empty"}`];
}

function checkDisk(folder: string, disk: StoreCapacity["disk"]): Finding | undefined {
  if (!disk || findCapacityWarnings({ disk }).length === 0) return undefined;
  const todo = `Free space on the disk of ${folder}, or move the folder and STORE_URL to a larger one.`;
  if (disk.free < FULL_DISK_BYTES) return failed`the disk of ${folder} is full → ${todo}`;
  return warning`the disk of ${folder} has only ${formatMebibytes(disk.free)} free → ${todo}`;
}

function checkRedis({ info, memory }: RedisProbe): Finding[] {
  const { redis_version: version = "", role, maxmemory_policy: policy = "unknown" } = info;
  const isWritten = info["aof_enabled"] === "1";
  const checks = collectFindings(
    !(Number.parseInt(version, 10) >= MIN_REDIS_MAJOR) &&
      failed`Redis ${version || "of an unknown version"} is too old → Use Redis 7.0 or newer.`,
    role !== undefined &&
      role !== "master" &&
      failed`this Redis is a ${role} and does not accept writes → Set STORE_URL to the primary.`,
    info["cluster_enabled"] === "1" &&
      failed`this Redis is a cluster, which is not supported → Set STORE_URL to a single server.`,
    !isWritten &&
      warning`Redis has no append-only file: a crash loses the writes of the last minutes
        → Set \`appendonly yes\` (and \`appendfsync everysec\` or \`always\`) in redis.conf.`,
    isWritten &&
      info["aof_last_write_status"] === "err" &&
      failed`Redis cannot write its append-only file → Check its disk and its log.`,
    policy !== "noeviction" &&
      warning`Redis evicts data when its memory is full (maxmemory-policy ${policy})
        → Set \`maxmemory-policy noeviction\` in redis.conf.`,
    checkMemory(memory),
  );
  return checks.length > 0 ? checks : [ok`Redis ${version} with an append-only file and noeviction`];
}

function checkMemory(memory: StoreCapacity["memory"]): Finding | undefined {
  if (!memory || findCapacityWarnings({ memory }).length === 0) return undefined;
  const use = `${formatMebibytes(memory.used)} of ${formatMebibytes(memory.limit)}`;
  const todo = "Raise `maxmemory`, or remove other data from this Redis.";
  if (memory.used > memory.limit)
    return failed`Redis has reached its maxmemory (${use}) and rejects every write → ${todo}`;
  return warning`Redis is nearly full: it uses ${use} (maxmemory) → ${todo}`;
}

/** Checks the newest backup and, where backups are copied elsewhere, the last copy. */
export function checkBackups(probe: BackupProbe, now: Ms): Finding[] {
  return collectFindings(checkBackup(probe, now), probe.copies && checkBackupCopy(probe.copies, now));
}

/** Warns about a backup that is too old. A broken schedule is noticed only when a backup is needed. */
function checkBackup(probe: BackupProbe, now: Ms): Finding {
  const { ok, warning } = createReport("backup");
  const todo =
    "Run `groundcrew backup` and look at what it reports, then at the schedule (docs/operations.md, Backup).";
  if ("problem" in probe) return warning`${probe.problem} → ${todo}`;
  const began = formatIsoTime(probe.began, "UTC");
  if (now - probe.began <= MAX_AGE) return ok`the newest one began at ${began}`;
  return warning`the newest backup is ${formatAge(probe.began, now)} (${began}) → ${todo}`;
}

/**
 * Warns about a copy elsewhere that is missing or too old: the backup on this machine is fresh then, and people believe
 * that it is elsewhere as well.
 */
function checkBackupCopy({ last }: NonNullable<BackupProbe["copies"]>, now: Ms): Finding {
  const { ok, warning } = createReport("backup copy");
  const todo =
    "Run the backup again and look at what the program of BACKUP_AFTER reports (docs/operations.md, Where it goes).";
  if (!last) return warning`BACKUP_AFTER has not succeeded yet → ${todo}`;
  const copied = formatIsoTime(last.copied, "UTC");
  if (now - last.began <= MAX_AGE) return ok`${last.name} was copied elsewhere at ${copied}`;
  return warning`the last backup that BACKUP_AFTER has copied elsewhere is ${formatAge(last.began, now)} (${last.name},
    copied at ${copied}) → ${todo}`;
}

const formatAge = (began: Ms, now: Ms) => `${Math.floor((now - began) / HOUR)} hours old`;
