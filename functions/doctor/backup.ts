import { formatIsoTime, HOUR, type Ms } from "../../shared/time.ts";
import { type DoctorCheck, reportOk, reportWarning } from "./check.ts";

/** What was found in BACKUP_FOLDER: when the newest backup began, or why that cannot be said. */
export type BackupProbe = { began: Ms } | { problem: string };

/** Age from which a backup counts as missing: 26 hours, so that a daily one may be late by two. */
const MAX_AGE: Ms = 26 * HOUR;

/** Warns about a backup that is too old. A broken schedule is noticed only when a backup is needed. */
export function checkBackup(probe: BackupProbe, now: Ms): DoctorCheck {
  const todo =
    "Run `groundcrew backup` and look at what it reports, then at the schedule (docs/operations.md, Backup).";
  if ("problem" in probe) return reportWarning("backup", probe.problem, todo);
  const hours = Math.floor((now - probe.began) / HOUR);
  const began = formatIsoTime(probe.began, "UTC");
  if (now - probe.began <= MAX_AGE) return reportOk("backup", `the newest one began at ${began}`);
  return reportWarning("backup", `the newest backup is ${hours} hours old (${began})`, todo);
}
