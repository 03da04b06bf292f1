import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatBackupName } from "../../../runtime/backup/manifest.ts";
import { DAY, HOUR } from "../../../shared/time.ts";
import { type BackupMachine, createBackupMachine } from "./backup-machine.ts";

/** Gives the newest backup the name of an earlier time, because a test takes less than a second. */
function ageBackup({ backups, listBackups }: BackupMachine, by: number): string {
  const name = formatBackupName(Date.now() - by);
  renameSync(join(backups, listBackups().at(-1) ?? ""), join(backups, name));
  return name;
}

async function back(machine: BackupMachine, ...options: string[]) {
  return machine.runHere(["backup", ...options, "--json"]);
}

test("INFRA-05 A backup fails when a folder that the last one has files of is not mounted, and leaves nothing behind", async () => {
  const machine = createBackupMachine();
  expect((await back(machine, "--scheduled")).exit).toBe(0);
  const name = ageBackup(machine, HOUR);
  machine.remove("uploads");
  // As Docker leaves it: the folder is there and empty.
  mkdirSync(join(machine.folder, "uploads"));
  const { exit, err } = await back(machine, "--scheduled");
  expect(exit).toBe(1);
  expect(err).toContain(`it would have no uploads, which ${name} has`);
  expect(machine.listBackups()).toEqual([name]);
  expect(readdirSync(machine.backups).sort()).toEqual([name, ".lock"].sort());
});

test("INFRA-05 A backup fails when the setting of a part is lost, unless a person leaves the part out", async () => {
  const machine = createBackupMachine();
  expect((await back(machine)).exit).toBe(0);
  ageBackup(machine, 2 * HOUR);
  machine.env["BACKUP_UPLOADS"] = "";
  expect(await back(machine)).toMatchObject({ exit: 1, err: expect.stringContaining("--without uploads") });
  const { exit, out } = await back(machine, "--without", "uploads");
  expect([exit, JSON.parse(out).parts]).toEqual([0, ["store", "secrets"]]);
});

test("INFRA-05 A backup that a person makes does not replace the timer's of the same day, nor does the timer's theirs", async () => {
  const machine = createBackupMachine();
  expect((await back(machine, "--scheduled")).exit).toBe(0);
  // Two of one day in UTC, whenever this runs.
  const day = Math.floor(Date.now() / DAY) * DAY - DAY;
  const rename = (at: number) => ageBackup(machine, Date.now() - at);
  const timer = rename(day + 3 * HOUR);
  expect((await back(machine)).exit).toBe(0);
  const first = rename(day + 4 * HOUR);
  expect((await back(machine)).exit).toBe(0);
  const second = rename(day + 5 * HOUR);
  const { out } = await back(machine, "--scheduled");
  expect(JSON.parse(out).removed).toEqual([first]);
  expect(machine.listBackups()).toEqual(expect.arrayContaining([timer, second]));
  expect(machine.listBackups()).toHaveLength(3);
});
