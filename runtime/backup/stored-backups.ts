/**
 * The backups in a folder: the newest, those that are old enough to be removed, and when one was last copied
 * elsewhere.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { BackupState } from "../../shared/app/deps.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { DAY, type Ms } from "../../shared/time.ts";
import { syncFolder, writeText } from "./files.ts";
import { backupManifestSchema, MANIFEST_FILE, parseBackupName } from "./manifest.ts";

/**
 * Name of the file in a backup folder that says which backup BACKUP_AFTER has copied elsewhere. It exists where backups
 * are copied, and is empty until the first copy succeeded. It is beside the backups, because other processes than the
 * one that copies read it, and because nothing may be added to a backup that is complete.
 */
const RECORD_FILE = ".last-copy.json";

/** Name of the file in a backup folder that says how the last test of a restore ended. */
const TEST_FILE = ".last-test.json";

const recordSchema = z.object({
  backup: z.string(),
  /** When the program that copied it had ended. */
  copied: z.iso.datetime(),
});

const testSchema = z.object({ backup: z.string(), tested: z.iso.datetime(), failure: z.string().optional() });

/** Number of days, and of weeks, of which the newest backup is kept. */
const KEPT = { days: 7, weeks: 4 } as const;

/** 1970-01-01 was a Thursday; ISO weeks begin on Monday. */
const DAYS_BEFORE_FIRST_MONDAY = 4;

/**
 * Reads what is known of the backups of a folder, without comparing files with their checksums: a restore does that. A
 * new folder is not one without backups: until the first one is due, its age counts.
 */
export function readBackupState(folder: string): BackupState {
  const copies = readCopies(folder);
  const state = omitUndefined({ copies, test: readRestoreTest(folder) });
  try {
    const complete = listCompleteBackups(folder);
    const [first] = complete;
    if (!first) return { ...state, since: statSync(folder).ctimeMs };
    const { name, began, bytes, parts, without } = first;
    const known = new Set(complete.flatMap((earlier) => earlier.parts));
    const missing = [...known].filter((part) => !parts.includes(part) && !without.includes(part));
    return { ...state, newest: { name, began, bytes, missing }, since: began };
  } catch {
    return state;
  }
}

/** Lists the backups of this version that are complete, the newest first. Throws when the folder cannot be read. */
export function listCompleteBackups(folder: string) {
  const names = readdirSync(folder).filter((name) => parseBackupName(name) !== undefined);
  return names
    .sort()
    .reverse()
    .flatMap((name) => {
      try {
        const text = readFileSync(join(folder, name, MANIFEST_FILE), "utf8");
        const { began, bytes, parts, without, scheduled } = backupManifestSchema.parse(JSON.parse(text));
        return [{ name, began: Date.parse(began), bytes, parts, without, scheduled }];
      } catch {
        // Not a backup of this version, or one that is not complete.
        return [];
      }
    });
}

/**
 * Stores whether the backups of a folder are copied elsewhere. Called before each backup, so that a copy that never
 * ends is known to be missing.
 */
export async function setCopiesExpected(folder: string, isExpected: boolean): Promise<void> {
  const path = join(folder, RECORD_FILE);
  if (existsSync(path) === isExpected) return;
  if (isExpected) await (await open(path, "a", 0o600)).close();
  else await rm(path, { force: true });
  await syncFolder(folder);
}

/** Stores that a backup of the folder was copied elsewhere, all of it or nothing. */
export async function recordCopy(folder: string, backup: string, copied: Ms): Promise<void> {
  const record: z.output<typeof recordSchema> = { backup, copied: new Date(copied).toISOString() };
  await writeRecord(folder, RECORD_FILE, record);
}

async function writeRecord(folder: string, name: string, record: object): Promise<void> {
  const next = `${name}.next`;
  // Left by a run that was killed.
  await rm(join(folder, next), { force: true });
  await writeText(folder, next, `${JSON.stringify(record)}\n`);
  await rename(join(folder, next), join(folder, name));
  await syncFolder(folder);
}

/** Stores how the last test of a restore ended, all of it or nothing. */
export async function recordRestoreTest(folder: string, test: NonNullable<BackupState["test"]>): Promise<void> {
  await writeRecord(folder, TEST_FILE, { ...test, tested: new Date(test.tested).toISOString() });
}

/** Reads how the last test of a restore ended; undefined where none was made. */
export function readRestoreTest(folder: string): BackupState["test"] {
  try {
    const { tested, ...test } = testSchema.parse(JSON.parse(readFileSync(join(folder, TEST_FILE), "utf8")));
    return { ...omitUndefined(test), tested: Date.parse(tested) };
  } catch {
    return undefined;
  }
}

/**
 * Reads what is known about the copies of a folder's backups: the last one that was copied, and since when there is no
 * newer copy; undefined where they are not copied. A record that cannot be read counts as one without a copy.
 */
export function readCopies(folder: string): BackupState["copies"] {
  const path = join(folder, RECORD_FILE);
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (changed === undefined) return undefined;
  try {
    const { backup, copied } = recordSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    const began = parseBackupName(backup);
    if (began !== undefined) return { last: { name: backup, began, copied: Date.parse(copied) }, since: began };
  } catch {}
  return { since: changed };
}

/**
 * Returns the names of the backups that are not kept any longer. Kept are the newest backup of each of the last 7 days
 * that have one, and the newest of each of the last 4 weeks that have one (UTC, weeks begin on Monday). Days and weeks
 * without a backup do not count, so that backups do not disappear while none is made. Names that are not those of a
 * backup are never returned.
 */
export function findExpiredBackups(names: readonly string[]): string[] {
  const backups = names
    .flatMap((name) => {
      const at = parseBackupName(name);
      return at === undefined ? [] : [{ name, at }];
    })
    .sort((a, b) => a.at - b.at);
  /** The newest name of each of the newest periods: in the map it replaces those before it. */
  const listNewest = (getPeriod: (at: Ms) => number, count: number) =>
    [...new Map(backups.map(({ name, at }) => [getPeriod(at), name])).values()].slice(-count);
  const kept = new Set([...listNewest(getDay, KEPT.days), ...listNewest(getWeek, KEPT.weeks)]);
  return backups.flatMap(({ name }) => (kept.has(name) ? [] : [name])).reverse();
}

const getDay = (at: Ms) => Math.floor(at / DAY);

const getWeek = (at: Ms) => Math.floor((getDay(at) - DAYS_BEFORE_FIRST_MONDAY) / 7);
