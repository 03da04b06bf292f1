import { Gauge, type Registry } from "prom-client";
import type { Ms } from "../../shared/time.ts";
import { readCopies } from "../backup/copy-record.ts";
import { findNewestBackup } from "../backup/newest-backup.ts";
import { clearMetric } from "./clear-metric.ts";

interface BackupGaugesOptions {
  /** BACKUP_FOLDER; undefined where backups are not configured. */
  folder: string | undefined;
  clock: () => Ms;
  registry: Registry;
}

/** Creates the gauges about the newest backup and its copy, which are read from its folder at each scrape. */
export function createBackupGauges({ folder, clock, registry }: BackupGaugesOptions): { update(): void } {
  const registers = [registry];
  const age = new Gauge({
    name: "groundcrew_backup_age_seconds",
    help: "Age of the newest backup in `BACKUP_FOLDER`; `+Inf` when there is none or the folder cannot be read; absent without `BACKUP_FOLDER`.",
    registers,
  });
  const size = new Gauge({
    name: "groundcrew_backup_size_bytes",
    help: "Size of the newest backup in `BACKUP_FOLDER`.",
    registers,
  });
  const copyAge = new Gauge({
    name: "groundcrew_backup_copy_age_seconds",
    help: "Age of the last backup in `BACKUP_FOLDER` that `BACKUP_AFTER` has copied elsewhere; `+Inf` when it has never succeeded; absent when the last backup was made without `BACKUP_AFTER`.",
    registers,
  });
  const getAge = (began: Ms | undefined) =>
    began === undefined ? Number.POSITIVE_INFINITY : Math.max(0, clock() - began) / 1000;

  return {
    update() {
      for (const gauge of [age, size, copyAge]) clearMetric(gauge);
      if (folder === undefined) return;
      const newest = findNewest(folder);
      age.set(getAge(newest?.began));
      if (newest) size.set(newest.bytes);
      const copies = readCopies(folder);
      if (copies) copyAge.set(getAge(copies.last?.began));
    },
  };
}

/** A folder that cannot be read counts as one without a backup, so that the alert fires. */
function findNewest(folder: string) {
  try {
    return findNewestBackup(folder);
  } catch {
    return undefined;
  }
}
