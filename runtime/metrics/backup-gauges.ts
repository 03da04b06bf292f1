import { Gauge, type Registry } from "prom-client";
import type { Ms } from "../../shared/time.ts";
import { findNewestBackup } from "../backup/newest-backup.ts";
import { clearMetric } from "./clear-metric.ts";

interface BackupGaugesOptions {
  /** BACKUP_FOLDER; undefined where backups are not configured. */
  folder: string | undefined;
  clock: () => Ms;
  registry: Registry;
}

/** Creates the gauges about the newest backup, which are read from its folder at each scrape. */
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

  return {
    update() {
      for (const gauge of [age, size]) clearMetric(gauge);
      if (folder === undefined) return;
      const newest = findNewest(folder);
      age.set(newest ? Math.max(0, clock() - newest.began) / 1000 : Number.POSITIVE_INFINITY);
      if (newest) size.set(newest.bytes);
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
