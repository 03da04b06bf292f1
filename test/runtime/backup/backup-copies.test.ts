import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { checkBackups } from "../../../functions/doctor/store.ts";
import { parseBackupName } from "../../../runtime/backup/manifest.ts";
import { inspectBackups } from "../../../runtime/doctor/run-doctor.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../../shared/time.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { type BackupMachine, createBackupMachine } from "./backup-machine.ts";

const RECORD = ".last-copy.json";

/** A machine whose BACKUP_AFTER copies into a folder; it fails until that folder exists. */
function createCopyingMachine() {
  const machine = createBackupMachine();
  const elsewhere = join(machine.folder, "elsewhere");
  machine.env["BACKUP_AFTER"] = `cp -R {backup} ${elsewhere}/.`;
  return { ...machine, elsewhere };
}

/** Scrapes a product that, as in Compose, does not know BACKUP_AFTER. */
async function scrapeAges({ backups }: BackupMachine, clock: () => Ms = Date.now) {
  const runtime = await startTestRuntime({ env: { BACKUP_FOLDER: backups }, overrides: { clock } });
  const text = await (await fetch(`${runtime.url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).text();
  const find = (name: string) => new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return { backup: find("groundcrew_backup_age_seconds"), copy: find("groundcrew_backup_copy_age_seconds") };
}

/** Makes the present backup one of an earlier time, because names contain seconds and a test takes fewer. */
function ageBackup(machine: BackupMachine, at: string) {
  const [name = ""] = machine.listBackups();
  const manifest = JSON.parse(machine.read(`backups/${name}/manifest.json`));
  machine.remove(`backups/${name}`);
  machine.write(`backups/${at}/manifest.json`, JSON.stringify({ ...manifest, name: at }));
}

test("MONITOR-03 INFRA-05 A BACKUP_AFTER that has never succeeded is an infinitely old copy, however fresh the backup is", async () => {
  const machine = createCopyingMachine();
  const failed = await machine.run(["backup"]);
  expect(failed.exit).toBe(1);
  expect(failed.err).toContain("BACKUP_AFTER failed");
  const ages = await scrapeAges(machine);
  expect(Number(ages.backup)).toBeLessThan(3600);
  expect(ages.copy).toMatch(/^\+?Inf$/);
  expect(statSync(join(machine.backups, RECORD)).mode & 0o777).toBe(0o600);
});

test("MONITOR-03 INFRA-05 The age of the last copy is a metric, and grows when BACKUP_AFTER fails after it has succeeded", async () => {
  const machine = createCopyingMachine();
  mkdirSync(machine.elsewhere);
  const { exit, err } = await machine.run(["backup"]);
  expect(exit, err).toBe(0);
  const [name = ""] = machine.listBackups();
  const began = parseBackupName(name) ?? 0;
  const later = () => began + 30 * HOUR;
  expect((await scrapeAges(machine, later)).copy).toBe(String(30 * 3600));
  expect(statSync(join(machine.backups, RECORD)).mode & 0o777).toBe(0o600);
  const record = machine.read(`backups/${RECORD}`);
  expect(JSON.parse(record)).toMatchObject({ backup: name, copied: expect.stringMatching(/Z$/) });

  ageBackup(machine, "2026-01-01T03-00-00Z");
  machine.remove("elsewhere");
  expect((await machine.runHere(["backup"])).exit).toBe(1);
  expect(machine.listBackups()).toHaveLength(2);
  expect(machine.read(`backups/${RECORD}`)).toBe(record);
  expect((await scrapeAges(machine, later)).copy).toBe(String(30 * 3600));
});

test("The copies of a backup have no age without BACKUP_AFTER, also after one that failed", async () => {
  const machine = createCopyingMachine();
  expect((await machine.runHere(["backup"])).exit).toBe(1);
  ageBackup(machine, "2026-01-01T03-00-00Z");
  expect((await machine.runHere(["backup"], { BACKUP_AFTER: "" })).exit).toBe(0);
  expect((await scrapeAges(machine)).copy).toBeUndefined();
  expect(readdirSync(machine.backups)).not.toContain(RECORD);
  expect(checkBackups(inspectBackups(machine.backups), Date.now())).toHaveLength(1);
});

test("A copy that is under way when its backup is killed is known to be missing", async () => {
  const machine = createBackupMachine();
  machine.write("after", "echo started; exec sleep 600\n");
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", resolve("runtime/cli.js"), "backup"],
    {
      cwd: machine.folder,
      env: { ...machine.env, PATH: process.env["PATH"], BACKUP_AFTER: `sh ${machine.folder}/after` },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    },
  );
  for await (const chunk of child.stderr) if (String(chunk).includes("started")) break;
  const exited = once(child, "exit");
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await exited;
  expect((await scrapeAges(machine)).copy).toMatch(/^\+?Inf$/);
});

test("A record of copies that cannot be read counts as no copy, and the next success replaces it", async () => {
  const machine = createCopyingMachine();
  mkdirSync(machine.elsewhere);
  machine.write(`backups/${RECORD}`, '{"backup": "../secrets", "copied": "2026-01-01T03:00:00.000Z"}');
  machine.write(`backups/${RECORD}.next`, "half of one, left by a run that was killed");
  expect((await scrapeAges(machine)).copy).toMatch(/^\+?Inf$/);
  machine.write(`backups/${RECORD}`, '{"backup": ');
  expect((await scrapeAges(machine)).copy).toMatch(/^\+?Inf$/);
  expect((await machine.runHere(["backup"])).exit).toBe(0);
  expect(Number((await scrapeAges(machine)).copy)).toBeLessThan(3600);
  expect(readdirSync(machine.backups).sort()).toEqual([RECORD, ".lock", ...machine.listBackups()]);
});

test("The record of copies outlives the retention, and backups beside it are verified and restored as before", async () => {
  const machine = createCopyingMachine();
  mkdirSync(machine.elsewhere);
  for (let day = 10; day < 29; day += 1)
    machine.write(`backups/2020-02-${day}T03-00-00Z/manifest.json`, "of an earlier version");
  const { exit, out, err } = await machine.runHere(["backup", "--json"]);
  expect(exit, err).toBe(0);
  const { name, removed } = JSON.parse(out);
  expect(removed).toContain("2020-02-10T03-00-00Z");
  expect(JSON.parse(machine.read(`backups/${RECORD}`)).backup).toBe(name);
  for (const backup of ["latest", join(machine.elsewhere, name)])
    expect((await machine.runHere(["restore", backup, "--check"])).exit).toBe(0);
  expect((await machine.runHere(["restore", "latest", "--yes"])).exit).toBe(0);
  // In the folder of a backup it would be refused like every file that does not belong to one.
  writeFileSync(join(machine.backups, name, RECORD), "");
  expect((await machine.runHere(["restore", name, "--check"])).err).toContain("does not belong to it");
});

test("backup --copied records a copy that another program has made, and makes no backup", async () => {
  const machine = createBackupMachine();
  expect((await machine.runHere(["backup"], { BACKUP_COPIED_LATER: "1" })).exit).toBe(0);
  expect((await scrapeAges(machine)).copy).toMatch(/^\+?Inf$/);
  const [name = ""] = machine.listBackups();
  const { exit, out, err } = await machine.runHere(["backup", "--copied", name, "--json"]);
  expect(exit, err).toBe(0);
  expect(JSON.parse(out)).toEqual({ copied: name });
  expect(Number((await scrapeAges(machine)).copy)).toBeLessThan(3600);
  expect(machine.listBackups()).toEqual([name]);
  for (const wrong of [["--copied", "../x"], ["--copied=2026-13-01T00-00-00Z"], [`--copied=${name}`, "--database=-"]])
    expect(await machine.runHere(["backup", ...wrong])).toMatchObject({
      exit: 2,
      err: expect.stringMatching(/--copied/),
    });
});

test("A copy that cannot be recorded is an error that says so", async () => {
  const machine = createCopyingMachine();
  mkdirSync(machine.elsewhere);
  // A folder in its place can be neither removed nor replaced.
  machine.write(`backups/${RECORD}/file`, "");
  const { exit, err } = await machine.runHere(["backup"]);
  expect(exit).toBe(1);
  expect(err).toContain("was made and copied elsewhere, but that could not be recorded");
  expect(readdirSync(machine.elsewhere)).toEqual(machine.listBackups());
});

test("doctor warns about a copy that is missing or older than 26 hours, and names the last one", async () => {
  const machine = createCopyingMachine();
  const checkCopy = (now: Ms) => checkBackups(inspectBackups(machine.backups), now)[1];
  expect((await machine.runHere(["backup"])).exit).toBe(1);
  const todo = expect.stringContaining("BACKUP_AFTER");
  expect(checkCopy(Date.now())).toMatchObject({
    name: "backup copy",
    status: "warning",
    detail: expect.stringContaining("has not succeeded yet"),
    todo,
  });
  ageBackup(machine, "2026-01-01T03-00-00Z");
  mkdirSync(machine.elsewhere);
  expect((await machine.runHere(["backup"])).exit).toBe(0);
  const [, name = ""] = machine.listBackups().sort();
  const began = parseBackupName(name) ?? 0;
  expect(checkCopy(began + 26 * HOUR)).toMatchObject({ status: "ok", detail: expect.stringContaining(name) });
  expect(checkCopy(began + 26 * HOUR + MINUTE)).toMatchObject({
    status: "warning",
    detail: expect.stringMatching(new RegExp(`is 26 hours old \\(${name}, copied`)),
    todo,
  });
  expect(checkCopy(began + 10 * DAY)).toMatchObject({ detail: expect.stringContaining("240 hours old") });
});
