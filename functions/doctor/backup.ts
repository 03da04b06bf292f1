import { formatIsoTime, HOUR, type Ms } from "../../shared/time.ts";
import { type DoctorCheck, reportOk, reportWarning } from "./check.ts";

/**
 * What was found in BACKUP_FOLDER: when the newest backup began, or why that cannot be said; and, where BACKUP_AFTER
 * copies backups elsewhere, the last one that it has copied, if there is any.
 */
export type BackupProbe = ({ began: Ms } | { problem: string }) & {
  copies?: { last?: { name: string; began: Ms; copied: Ms } };
};

/** Age from which a backup, or its copy, counts as missing: 26 hours, so that a daily one may be late by two. */
const MAX_AGE: Ms = 26 * HOUR;

/** Checks the newest backup and, where backups are copied elsewhere, the last copy. */
export function checkBackups(probe: BackupProbe, now: Ms): DoctorCheck[] {
  return [checkBackup(probe, now), ...checkBackupCopy(probe, now)];
}

/** Warns about a backup that is too old. A broken schedule is noticed only when a backup is needed. */
function checkBackup(probe: BackupProbe, now: Ms): DoctorCheck {
  const todo =
    "Run `groundcrew backup` and look at what it reports, then at the schedule (docs/operations.md, Backup).";
  if ("problem" in probe) return reportWarning("backup", probe.problem, todo);
  const hours = Math.floor((now - probe.began) / HOUR);
  const began = formatIsoTime(probe.began, "UTC");
  if (now - probe.began <= MAX_AGE) return reportOk("backup", `the newest one began at ${began}`);
  return reportWarning("backup", `the newest backup is ${hours} hours old (${began})`, todo);
}

/**
 * Warns about a copy elsewhere that is missing or too old: the backup on this machine is fresh then, and people believe
 * that it is elsewhere as well. Nothing is said where backups are not copied.
 */
function checkBackupCopy({ copies }: BackupProbe, now: Ms): DoctorCheck[] {
  if (!copies) return [];
  const todo =
    "Run the backup again and look at what the program of BACKUP_AFTER reports (docs/operations.md, Where it goes).";
  const { last } = copies;
  if (!last) return [reportWarning("backup copy", "BACKUP_AFTER has not succeeded yet", todo)];
  const copied = formatIsoTime(last.copied, "UTC");
  const hours = Math.floor((now - last.began) / HOUR);
  if (now - last.began <= MAX_AGE) return [reportOk("backup copy", `${last.name} was copied elsewhere at ${copied}`)];
  const detail = `the last backup that BACKUP_AFTER has copied elsewhere is ${hours} hours old (${last.name}, copied at ${copied})`;
  return [reportWarning("backup copy", detail, todo)];
}
