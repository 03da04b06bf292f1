import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  BACKUP_PARTS,
  type BackupPart,
  backupManifestSchema,
  formatBackupName,
  parseBackupName,
} from "../../shared/backup/backup-manifest.ts";
import { createRefusal, createSettingError } from "../backup/backup-error.ts";
import { type BackupSettings, readBackupSettings } from "../backup/backup-settings.ts";
import { openRegularFile } from "../backup/copy-files.ts";
import { lockBackupFolder } from "../backup/folder-lock.ts";
import { findNewestBackup } from "../backup/newest-backup.ts";
import { checkRestore, restoreBackup } from "../backup/restore-backup.ts";
import { type VerifiedBackup, verifyBackup } from "../backup/verify-backup.ts";
import { createConfirmPrompt } from "../node/confirm-prompt.ts";
import { createUsageError } from "./command-error.ts";
import { formatForTerminal, formatJsonLine } from "./terminal-output.ts";

export const RESTORE_HELP = `groundcrew restore BACKUP [--check] [--yes] [--without PART] [--json]

Restores a backup: its folder, its name below BACKUP_FOLDER, or latest. Reads all of it first and refuses one that is damaged,
incomplete, of another installation or of a later version before anything is changed. Stop Groundcrew and Plane first.
Afterwards Groundcrew reads the state of Plane again and sends nothing old.

  --check               only read the backup, which needs no stop
  --dry-run             check everything and change nothing
  --yes                 do not ask
  --without PART        leave out ${backupManifestSchema.shape.parts.element.options.join(", ")} (repeat for several)
  --other-installation  restore the backup of another Plane or workspace
  --print database      write the database's dump to standard output and change nothing, for compose/restore
  --print settings      the same for the .env of Compose, where the backup has one
  --json                print the result as JSON
`;

/** What `--print` writes, as files of a backup. */
const PRINTED = { database: BACKUP_PARTS.database, settings: `${BACKUP_PARTS.settings}/compose.env` } as const;
const isPrinted = (text: string): text is keyof typeof PRINTED => Object.hasOwn(PRINTED, text);

interface RestoreCommandOptions {
  backup: string;
  isCheck: boolean;
  isDryRun: boolean;
  isConfirmed: boolean;
  isOtherAllowed: boolean;
  /** The path of a file of the backup that is only printed. */
  prints?: keyof typeof PRINTED;
  without: Set<BackupPart>;
}

/** Runs `groundcrew restore` and returns what it prints. Throws a CommandError or BackupError when it refuses or fails. */
export async function runRestoreCommand(
  args: readonly string[],
  { json }: { json: boolean },
  env: Record<string, string | undefined>,
): Promise<string> {
  const options = parseRestoreOptions(args);
  const settings = readBackupSettings(env);
  const backup = await verifyBackup(findBackup(options.backup, settings));
  if (options.prints) return printFile(backup, options.prints);
  const { manifest } = backup;
  const parts = new Set(manifest.parts.filter((part) => !options.without.has(part)));
  if (options.isCheck) return render(backup, json, { restored: false, text: "is complete and sound" });
  const lock =
    settings.folder !== undefined && existsSync(settings.folder) ? lockBackupFolder(settings.folder) : undefined;
  try {
    await checkRestore(backup, settings, parts, options.isOtherAllowed);
    if (options.isDryRun) return render(backup, json, { restored: false, text: "can be restored" });
    if (!options.isConfirmed) await confirm(backup, parts);
    const notes = await restoreBackup(backup, settings, { parts, name: formatBackupName(Date.now()) });
    return render(backup, json, { restored: true, text: `was restored (${[...parts].join(", ")})`, notes });
  } finally {
    lock?.release();
  }
}

function findBackup(given: string, { folder }: BackupSettings): string {
  if (given !== "latest") {
    const isName = parseBackupName(given) !== undefined && !existsSync(given);
    return isName && folder !== undefined ? join(folder, given) : resolve(given);
  }
  if (folder === undefined) throw createSettingError("latest needs BACKUP_FOLDER.");
  const newest = existsSync(folder) ? findNewestBackup(folder) : undefined;
  if (!newest) throw createRefusal(`${folder} contains no complete backup.`);
  return join(folder, newest.name);
}

async function confirm({ path, manifest }: VerifiedBackup, parts: ReadonlySet<BackupPart>): Promise<void> {
  if (!process.stdin.isTTY) throw createRefusal("A restore must be confirmed on a terminal, or with --yes.");
  const question = `Replace the present ${[...parts].join(", ")} by the backup of ${manifest.began} (${path})?`;
  if (!(await createConfirmPrompt(process.stdin, process.stderr)(formatForTerminal(question).trim())))
    throw createRefusal("The restore was not confirmed.");
}

async function printFile({ path, files }: VerifiedBackup, what: keyof typeof PRINTED): Promise<string> {
  const name = PRINTED[what];
  const isThere = files.some((one) => one.path === name);
  if (!isThere && what === "settings") return "";
  if (!isThere) throw createRefusal(`The backup ${path} contains no ${name}.`);
  const file = await openRegularFile(join(path, name));
  try {
    await pipeline(file.createReadStream(), process.stdout, { end: false });
  } finally {
    await file.close();
  }
  return "";
}

function render(
  { path, manifest }: VerifiedBackup,
  json: boolean,
  { restored, text, notes = [] }: { restored: boolean; text: string; notes?: string[] },
): string {
  const { name, began, groundcrew, plane, postgresql, parts, files, bytes } = manifest;
  if (json)
    return formatJsonLine({
      backup: path,
      name,
      began,
      groundcrew,
      plane,
      postgresql,
      parts,
      files,
      bytes,
      restored,
      notes,
    });
  const database = postgresql ? `, PostgreSQL ${postgresql.server}` : "";
  const head = `The backup ${path} of ${began} (Groundcrew ${groundcrew}${database}; ${parts.join(", ")}) ${text}.`;
  return formatForTerminal([head, ...notes].join("\n"));
}

const PARTS: readonly string[] = backupManifestSchema.shape.parts.element.options;
const isPart = (text: string): text is BackupPart => PARTS.includes(text);

function parseRestoreOptions(args: readonly string[]): RestoreCommandOptions {
  const options: RestoreCommandOptions = {
    backup: "",
    isCheck: false,
    isDryRun: false,
    isConfirmed: false,
    isOtherAllowed: false,
    without: new Set(),
  };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift() ?? "";
    if (arg === "--check") options.isCheck = true;
    else if (arg === "--dry-run") options.isDryRun = true;
    else if (arg === "--yes") options.isConfirmed = true;
    else if (arg === "--other-installation") options.isOtherAllowed = true;
    else if (arg === "--print") {
      const what = rest.shift() ?? "";
      if (!isPrinted(what)) throw createUsageError(`--print needs one of ${Object.keys(PRINTED).join(", ")}.`);
      options.prints = what;
    } else if (arg === "--without") {
      const part = rest.shift() ?? "";
      if (!isPart(part)) throw createUsageError(`--without needs one of ${PARTS.join(", ")}.`);
      options.without.add(part);
    } else if (arg.startsWith("-") || options.backup !== "")
      throw createUsageError(`restore has no argument ${arg.slice(0, 60)}.`);
    else options.backup = arg;
  }
  if (options.backup === "") throw createUsageError("Name the backup: groundcrew restore BACKUP (see restore --help).");
  return options;
}
