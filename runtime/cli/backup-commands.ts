/** The commands `groundcrew backup` and `groundcrew restore`. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { isLoopbackAddress } from "../../shared/ip-address.ts";
import { type BackupSettings, readBackupSettings } from "../backup/backup-settings.ts";
import { type CreatedBackup, createBackup, runAfterBackup } from "../backup/create-backup.ts";
import { describeFileError, withRegularFile } from "../backup/files.ts";
import {
  BACKUP_PARTS,
  type BackupPart,
  backupManifestSchema,
  createBackupError,
  createRefusal,
  createSettingError,
  formatBackupName,
  parseBackupName,
  type VerifiedBackup,
} from "../backup/manifest.ts";
import { checkRestore, isTestDue, restoreBackup, testRestore, verifyBackup } from "../backup/restore-backup.ts";
import { lockBackupFolder } from "../backup/sqlite-backup.ts";
import { listCompleteBackups, recordCopy, setCopiesExpected } from "../backup/stored-backups.ts";
import { readEnvironment } from "../node/files.ts";
import { createConfirmPrompt } from "../node/process.ts";
import { type CliOptions, parseCommandInput } from "./options.ts";
import { type CommandHost, createUsageError, formatForTerminal, formatJsonLine } from "./output.ts";

const partSchema = backupManifestSchema.shape.parts.element;

const BACKUP_HELP = `groundcrew backup [--to FOLDER] [--without PART] [--json]

Stores Plane's database and uploads, Groundcrew's store, secrets and settings in a new folder below FOLDER, with checksums and
versions, also while everything runs. Fails when a part is missing that the last backup has. Keeps the newest of 7 days and of 4
weeks, of timers and of people each. The backup contains every secret: keep it private.

  --to FOLDER   where backups are (default: BACKUP_FOLDER)
  --without PART leave out ${partSchema.options.join(", ")} (repeat for several)
  --scheduled   a timer makes this backup: none of a person replaces it
  --store URL   the store is that of a Groundcrew on Workers at this address, for ADMIN_TOKEN
  --json        print the backup as JSON
  --database -  read the database from standard input, as compose/backup writes it, instead of BACKUP_DATABASE_URL
  --copied NAME makes no backup, only records that this one was copied elsewhere, as compose/backup does after BACKUP_AFTER

BACKUP_DATABASE_URL, BACKUP_UPLOADS and BACKUP_AFTER say what else belongs to it and where it is sent afterwards. On a ticket host
it contains the runner's settings (BACKUP_RUNNER), its session records (RUNNER_FOLDER) and, if BACKUP_CLAUDE names the folder,
Claude Code's configuration. When BACKUP_AFTER
last succeeded is recorded in FOLDER, for the metrics and doctor.
`;

const RESTORE_HELP = `groundcrew restore BACKUP [--check | --test] [--yes] [--without PART] [--json]

Restores a backup: its folder, its name below BACKUP_FOLDER, or latest. Reads all of it first and refuses one that is damaged,
incomplete, of another installation or of a later version before anything is changed. Stop Groundcrew and Plane first.
Afterwards Groundcrew reads the state of Plane again and sends nothing old.

  --check               only read the backup, which needs no stop
  --test                restore it into a scratch folder and a scratch database, which needs no stop, and remove both
  --weekly              with --test: only when the last test that succeeded is a week old
  --dry-run             check everything and change nothing
  --yes                 do not ask
  --without PART        leave out ${partSchema.options.join(", ")} (repeat for several)
  --other-installation  restore the backup of another Plane or workspace
  --store URL           replace the store of a Groundcrew on Workers, which then starts anew
  --print database      write the database's dump to standard output and change nothing, for compose/restore
  --print settings      the same for the .env of Compose, where the backup has one
  --json                print the result as JSON
`;

/** What `--print` writes, as files of a backup. */
const PRINTED = { database: BACKUP_PARTS.database, settings: `${BACKUP_PARTS.settings}/compose.env` } as const;

/** A token must not cross a network in plain text. */
const workerSchema = z
  .url({ protocol: /^https?$/ })
  .refine((url) => url.startsWith("https:") || isLoopbackAddress(new URL(url).hostname), "must begin with https:")
  .optional();

const flag = z.boolean().default(false);

/** Options of both commands. */
const shared = { store: workerSchema, without: z.array(partSchema).default([]) };

const backupSchema = z.object({
  ...{ ...shared, to: z.string().optional(), database: z.literal("-").optional(), scheduled: flag },
  /** Name of a backup that was copied elsewhere; no other is made. */
  copied: z.string().optional(),
});

const restoreSchema = z.object({
  ...{ ...shared, backup: z.string().default(""), check: flag, test: flag, weekly: flag, "dry-run": flag, yes: flag },
  "other-installation": flag,
  /** A file of the backup that is only printed. */
  print: z.enum(["database", "settings"]).optional(),
});

export const backupCommand = { help: BACKUP_HELP, run: runBackupCommand };

export const restoreCommand = { help: RESTORE_HELP, run: runRestoreCommand };

/** Runs `groundcrew backup` and returns what it prints. Throws a CommandError or BackupError when no backup was made or sent. */
async function runBackupCommand({ rest, json }: CliOptions, { env, stdin, status }: CommandHost): Promise<string> {
  const naming = { name: "backup", word: "argument" };
  const { to, store, database, copied, without, scheduled } = parseCommandInput(backupSchema, rest, naming);
  if (copied !== undefined && parseBackupName(copied) === undefined)
    throw createUsageError(`--copied needs the name of a backup, not ${copied.slice(0, 60)}.`);
  if (copied !== undefined && database !== undefined)
    throw createUsageError("--copied makes no backup, so it reads no database.");
  const settings = readSettings(env, store);
  const folder = to === undefined ? settings.folder : resolve(to);
  if (folder === undefined) throw createSettingError("Name the folder for backups: --to FOLDER, or BACKUP_FOLDER.");
  if (copied !== undefined) {
    await storeCopy(folder, copied);
    return json ? formatJsonLine({ copied }) : formatForTerminal(`Recorded that the backup ${copied} was copied.`);
  }
  const lock = lockBackupFolder(folder);
  try {
    await setCopiesExpected(folder, settings.after.length > 0 || settings.isCopiedLater);
    const dump = database === undefined ? {} : { dump: readBytes(stdin) };
    const created = await createBackup(settings, { folder, clock: Date.now, status, without, scheduled, ...dump });
    if (settings.after.length > 0) {
      await runAfterBackup(settings.after, { backup: created.path, folder, env: settings.env });
      await storeCopy(folder, created.manifest.name);
    }
    return renderBackup(created, json);
  } finally {
    lock.release();
  }
}

/** @param worker the address of the Worker that has the store, instead of STORE_URL */
function readSettings(env: CommandHost["env"], worker: string | undefined): BackupSettings {
  const settings = readBackupSettings(readEnvironment(env));
  return worker === undefined ? settings : { ...settings, store: { ...settings.store, url: worker, isNamed: true } };
}

async function storeCopy(folder: string, name: string): Promise<void> {
  await recordCopy(folder, name, Date.now()).catch((thrown: unknown) => {
    throw createBackupError(
      `The backup ${name} was made and copied elsewhere, but that could not be recorded: ${describeFileError(thrown)}.`,
    );
  });
}

async function* readBytes(stdin: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stdin) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

function renderBackup({ path, manifest, removed, skipped }: CreatedBackup, json: boolean): string {
  const { name, parts, files, bytes } = manifest;
  if (json) return formatJsonLine({ backup: path, name, parts, files, bytes, removed, skipped });
  const lines = [`Backup ${path}: ${parts.join(", ")}; ${files} files, ${formatSize(bytes)}.`];
  if (!parts.includes("database")) lines.push("It contains no database: BACKUP_DATABASE_URL is not set.");
  if (removed.length > 0) lines.push(`Removed older backups: ${removed.join(", ")}.`);
  if (skipped.length > 0) lines.push(`Not copied, because they are links or special files: ${skipped.join(", ")}.`);
  return formatForTerminal(lines.join("\n"));
}

const formatSize = (bytes: number) =>
  bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

/** Runs `groundcrew restore` and returns what it prints. Throws a CommandError or BackupError when it refuses or fails. */
async function runRestoreCommand({ rest, json }: CliOptions, { env, status }: CommandHost): Promise<string> {
  const options = parseCommandInput(restoreSchema, rest, { name: "restore", word: "argument", unnamed: ["backup"] });
  if (options.backup === "") throw createUsageError("Name the backup: groundcrew restore BACKUP (see restore --help).");
  const settings = readSettings(env, options.store);
  const path = findBackup(options.backup, settings);
  if (options.test) return testBackup(path, settings, options.weekly, json);
  status?.show(`restore: checking ${path}`);
  const backup = await verifyBackup(path);
  if (options.print) return printFile(backup, options.print);
  const { manifest } = backup;
  const parts = new Set(manifest.parts.filter((part) => !options.without.includes(part)));
  if (options.check) return renderRestore(backup, json, { restored: false, text: "is complete and sound" });
  const lock =
    settings.folder !== undefined && existsSync(settings.folder) ? lockBackupFolder(settings.folder) : undefined;
  try {
    await checkRestore(backup, settings, parts, options["other-installation"]);
    if (options["dry-run"]) return renderRestore(backup, json, { restored: false, text: "can be restored" });
    if (!options.yes) await confirm(backup, parts);
    const notes = await restoreBackup(backup, settings, { parts, name: formatBackupName(Date.now()), status });
    return renderRestore(backup, json, { restored: true, text: `was restored (${[...parts].join(", ")})`, notes });
  } finally {
    lock?.release();
  }
}

async function testBackup(path: string, settings: BackupSettings, isWeekly: boolean, json: boolean): Promise<string> {
  const { folder } = settings;
  if (folder === undefined) throw createSettingError("A test of a restore needs BACKUP_FOLDER.");
  const lock = lockBackupFolder(folder);
  try {
    if (isWeekly && !isTestDue(folder, Date.now()))
      return json ? formatJsonLine({ tested: false }) : formatForTerminal("A restore was tested within the last week.");
    const backup = await testRestore(path, settings, folder, Date.now());
    return renderRestore(backup, json, { restored: false, text: "was restored for a test, which left nothing behind" });
  } finally {
    lock.release();
  }
}

function findBackup(given: string, { folder }: BackupSettings): string {
  if (given !== "latest") {
    const isName = parseBackupName(given) !== undefined && !existsSync(given);
    return isName && folder !== undefined ? join(folder, given) : resolve(given);
  }
  if (folder === undefined) throw createSettingError("latest needs BACKUP_FOLDER.");
  const newest = existsSync(folder) ? listCompleteBackups(folder)[0] : undefined;
  if (!newest) throw createRefusal(`${folder} contains no complete backup.`);
  return join(folder, newest.name);
}

async function printFile({ path, files }: VerifiedBackup, what: keyof typeof PRINTED): Promise<string> {
  const name = PRINTED[what];
  const isThere = files.some((one) => one.path === name);
  if (!isThere && what === "settings") return "";
  if (!isThere) throw createRefusal(`The backup ${path} contains no ${name}.`);
  await withRegularFile(join(path, name), (file) => pipeline(file.createReadStream(), process.stdout, { end: false }));
  return "";
}

function renderRestore(
  { path, manifest }: VerifiedBackup,
  json: boolean,
  { restored, text, notes = [] }: { restored: boolean; text: string; notes?: string[] },
): string {
  const { name, began, groundcrew, plane, postgresql, parts, files, bytes } = manifest;
  if (json)
    return formatJsonLine({
      ...{ backup: path, name, began, groundcrew, plane, postgresql, parts, files, bytes, restored, notes },
    });
  const database = postgresql ? `, PostgreSQL ${postgresql.server}` : "";
  const head = `The backup ${path} of ${began} (Groundcrew ${groundcrew}${database}; ${parts.join(", ")}) ${text}.`;
  return formatForTerminal([head, ...notes].join("\n"));
}

async function confirm({ path, manifest }: VerifiedBackup, parts: ReadonlySet<BackupPart>): Promise<void> {
  if (!process.stdin.isTTY) throw createRefusal("A restore must be confirmed on a terminal, or with --yes.");
  const question = `Replace the present ${[...parts].join(", ")} by the backup of ${manifest.began} (${path})?`;
  if (!(await createConfirmPrompt(process.stdin, process.stderr)(formatForTerminal(question).trim())))
    throw createRefusal("The restore was not confirmed.");
}
