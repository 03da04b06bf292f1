import { mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBackupName, parseBackupName } from "../../../runtime/backup/manifest.ts";
import { findExpiredBackups } from "../../../runtime/backup/stored-backups.ts";
import { DAY, HOUR, type Ms } from "../../../shared/time.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { type BackupMachine, createBackupMachine } from "./backup-machine.ts";

/** The metrics of a product that, as in Compose, does not know BACKUP_AFTER. */
async function readMetrics(folder: string, clock: () => Ms = Date.now): Promise<string> {
  const runtime = await startTestRuntime({ env: { BACKUP_FOLDER: folder }, overrides: { clock } });
  return (await fetch(`${runtime.url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
}

test("MONITOR-03 INFRA-05 Age and size of the newest backup are metrics, and a folder without one is as old as itself", async () => {
  const machine = createBackupMachine();
  mkdirSync(machine.backups, { mode: 0o700 });
  expect(await readMetrics(machine.backups)).toMatch(/^groundcrew_backup_age_seconds \d\b/m);
  const { name } = await machine.backUp();
  const later = () => Date.now() + 30 * HOUR;
  const text = await readMetrics(machine.backups, later);
  // 30 hours, and less than a quarter of one more.
  expect(text).toMatch(/^groundcrew_backup_age_seconds 108[0-8]\d\d\b/m);
  const [, size] = /^groundcrew_backup_size_bytes (\d+)/m.exec(text) ?? [];
  expect(Number(size)).toBeGreaterThan(50);
  // One that is not complete does not count.
  renameSync(join(machine.backups, name, "manifest.json"), join(machine.backups, name, "gone"));
  expect(await readMetrics(machine.backups, later)).toMatch(/^groundcrew_backup_age_seconds 1080\d\d\b/m);
  expect(await readMetrics(join(machine.backups, "missing"), later)).toMatch(/^groundcrew_backup_age_seconds \+?Inf$/m);
  expect(await readMetrics("", later)).not.toMatch(/^groundcrew_backup_age_seconds /m);
});

const RECORD = ".last-copy.json";

/** A machine whose BACKUP_AFTER copies into a folder; it fails until that folder exists. */
function createCopyingMachine() {
  const machine = createBackupMachine();
  const elsewhere = join(machine.folder, "elsewhere");
  machine.env["BACKUP_AFTER"] = `cp -R {backup} ${elsewhere}/.`;
  return { ...machine, elsewhere };
}

async function scrapeAges({ backups }: BackupMachine, clock?: () => Ms) {
  const text = await readMetrics(backups, clock);
  const find = (name: string) => new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return { backup: find("groundcrew_backup_age_seconds"), copy: find("groundcrew_backup_copy_age_seconds") };
}

test("MONITOR-03 INFRA-05 The age of the last copy is a metric: infinite before the first one, and it grows when BACKUP_AFTER fails later", async () => {
  const machine = createCopyingMachine();
  expect(await machine.run(["backup"])).toMatchObject({ exit: 1, err: expect.stringContaining("BACKUP_AFTER failed") });
  const ages = await scrapeAges(machine);
  expect(Number(ages.backup)).toBeLessThan(3600);
  expect(ages.copy).toMatch(/^\+?Inf$/);
  machine.remove(`backups/${machine.listBackups()[0]}`);
  mkdirSync(machine.elsewhere);
  const { name } = await machine.backUp();
  const began = parseBackupName(name) ?? 0;
  const later = () => began + 30 * HOUR;
  expect((await scrapeAges(machine, later)).copy).toBe(String(30 * 3600));
  expect(statSync(join(machine.backups, RECORD)).mode & 0o777).toBe(0o600);
  const record = machine.read(`backups/${RECORD}`);
  expect(JSON.parse(record)).toMatchObject({ backup: name, copied: expect.stringMatching(/Z$/) });

  machine.ageBackup(began - 2 * DAY);
  machine.remove("elsewhere");
  expect((await machine.runHere(["backup"])).exit).toBe(1);
  expect(machine.listBackups()).toHaveLength(2);
  expect(machine.read(`backups/${RECORD}`)).toBe(record);
  expect((await scrapeAges(machine, later)).copy).toBe(String(30 * 3600));
});

test("A copy that is under way when its backup is killed is known to be missing", async () => {
  const machine = createBackupMachine();
  machine.write("after", "echo started; exec sleep 600\n");
  const env = { ...machine.env, BACKUP_AFTER: `sh ${machine.folder}/after` };
  const { output, kill } = startProgram(toCommand("cli", "backup"), { cwd: machine.folder, env, isGroup: true });
  await expect.poll(() => output.err).toContain("started");
  await kill();
  expect((await scrapeAges(machine)).copy).toMatch(/^\+?Inf$/);
});

const RUNS = process.env["FULL"] ? 10_000 : 300;
const MONDAY = Date.parse("2026-11-23T03:00:00Z");

const findKept = (names: readonly string[]) => {
  const expired = new Set(findExpiredBackups(names));
  return names.filter((name) => !expired.has(name)).sort();
};

const backupTimes = fc.array(fc.integer({ min: 0, max: 400 * 24 }), { maxLength: 120 });

test("However backups are distributed, the newest stays, at most 11 stay, and those of the last 7 days with one stay", () => {
  fc.assert(
    fc.property(backupTimes, (hours) => {
      const names = [...new Set(hours.map((hour) => formatBackupName(MONDAY - hour * HOUR)))].sort();
      const stored = findKept(names);
      const newest = names.at(-1);
      if (newest !== undefined) expect(stored).toContain(newest);
      expect(stored.length).toBeLessThanOrEqual(11);
      const days = [...new Set(names.map((name) => name.slice(0, 10)))].slice(-7);
      for (const day of days) expect(stored).toContain(names.filter((name) => name.startsWith(day)).at(-1));
      // What was removed once is not missed later: another run removes nothing more.
      expect(findExpiredBackups(stored)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
