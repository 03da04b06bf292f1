import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkBackups } from "../../../functions/doctor/store.ts";
import { inspectBackups } from "../../../runtime/doctor/run-doctor.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { createBackupMachine } from "./backup-machine.ts";

async function readMetrics(folder: string, clock: () => number): Promise<string> {
  const runtime = await startTestRuntime({ env: { BACKUP_FOLDER: folder }, overrides: { clock } });
  return (await fetch(`${runtime.url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
}

test("MONITOR-03 INFRA-05 Age and size of the newest backup are metrics, and a folder without one is as old as itself", async () => {
  const machine = createBackupMachine();
  mkdirSync(machine.backups, { mode: 0o700 });
  expect(await readMetrics(machine.backups, Date.now)).toMatch(/^groundcrew_backup_age_seconds \d\b/m);
  expect((await machine.runHere(["backup"])).exit).toBe(0);
  const later = () => Date.now() + 30 * HOUR;
  const text = await readMetrics(machine.backups, later);
  const [, age] = /^groundcrew_backup_age_seconds (\d+)/m.exec(text) ?? [];
  expect(Number(age)).toBeGreaterThanOrEqual(30 * 3600);
  expect(Number(age)).toBeLessThan(31 * 3600);
  const [, size] = /^groundcrew_backup_size_bytes (\d+)/m.exec(text) ?? [];
  expect(Number(size)).toBeGreaterThan(50);
  // One that is not complete does not count.
  const [name = ""] = machine.listBackups();
  renameSync(join(machine.backups, name, "manifest.json"), join(machine.backups, name, "gone"));
  expect(await readMetrics(machine.backups, later)).toMatch(/^groundcrew_backup_age_seconds 1080\d\d\b/m);
  expect(await readMetrics(join(machine.backups, "missing"), later)).toMatch(/^groundcrew_backup_age_seconds \+?Inf$/m);
  expect(await readMetrics("", later)).not.toMatch(/^groundcrew_backup_age_seconds /m);
});

test("doctor warns about a backup that is older than 26 hours, and about a folder without one", async () => {
  const machine = createBackupMachine();
  expect(inspectBackups(machine.backups)).toEqual({ problem: expect.stringContaining("BACKUP_FOLDER cannot be read") });
  mkdirSync(machine.backups, { mode: 0o700 });
  expect(inspectBackups(machine.backups)).toEqual({ problem: expect.stringContaining("no complete backup") });
  const began = Date.now();
  expect((await machine.runHere(["backup"])).exit).toBe(0);
  const probe = inspectBackups(machine.backups);
  expect(checkBackups(probe, began + 26 * HOUR)).toMatchObject([{ status: "ok" }]);
  expect(checkBackups(probe, began + 26 * HOUR + 5 * MINUTE)).toMatchObject([
    {
      status: "warning",
      detail: expect.stringContaining("26 hours old"),
      todo: expect.stringContaining("groundcrew backup"),
    },
  ]);
  expect(checkBackups({ problem: "none" }, began)).toMatchObject([{ status: "warning", detail: "none" }]);
});
