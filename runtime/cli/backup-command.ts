import { resolve } from "node:path";
import { parseBackupName } from "../../shared/backup/backup-manifest.ts";
import { createBackupError, createSettingError } from "../backup/backup-error.ts";
import { type BackupSettings, readBackupSettings } from "../backup/backup-settings.ts";
import { describeFileError } from "../backup/copy-files.ts";
import { recordCopy, setCopiesExpected } from "../backup/copy-record.ts";
import { type CreatedBackup, createBackup } from "../backup/create-backup.ts";
import { lockBackupFolder } from "../backup/folder-lock.ts";
import { runAfterBackup } from "../backup/run-after.ts";
import { createUsageError } from "./command-error.ts";
import { formatForTerminal, formatJsonLine } from "./terminal-output.ts";

export const BACKUP_HELP = `groundcrew backup [--to FOLDER] [--json]

Stores Plane's database and uploads, Groundcrew's store, secrets and settings in a new folder below FOLDER, with checksums and
versions, also while everything runs. Keeps the newest of 7 days and of 4 weeks. The backup contains every secret: keep it
private.

  --to FOLDER   where backups are (default: BACKUP_FOLDER)
  --json        print the backup as JSON
  --database -  read the database from standard input, as compose/backup writes it, instead of BACKUP_DATABASE_URL
  --copied NAME makes no backup, only records that this one was copied elsewhere, as compose/backup does after BACKUP_AFTER

BACKUP_DATABASE_URL, BACKUP_UPLOADS and BACKUP_AFTER say what else belongs to it and where it is sent afterwards. When BACKUP_AFTER
last succeeded is recorded in FOLDER, for the metrics and doctor.
`;

const OPTIONS = ["--to", "--database", "--copied"];

interface BackupOptions {
  to?: string;
  readsDatabase: boolean;
  /** Name of a backup that was copied elsewhere; no other is made. */
  copied?: string;
}

interface CommandHost {
  env: Record<string, string | undefined>;
  stdin: NodeJS.ReadableStream;
}

/** Runs `groundcrew backup` and returns what it prints. Throws a CommandError or BackupError when no backup was made or sent. */
export async function runBackupCommand(
  args: readonly string[],
  { json }: { json: boolean },
  { env, stdin }: CommandHost,
): Promise<string> {
  const { to, readsDatabase, copied } = parseBackupOptions(args);
  const settings = readBackupSettings(env);
  const folder = to === undefined ? settings.folder : resolve(to);
  if (folder === undefined) throw createSettingError("Name the folder for backups: --to FOLDER, or BACKUP_FOLDER.");
  if (copied !== undefined) {
    await storeCopy(folder, copied);
    return json ? formatJsonLine({ copied }) : formatForTerminal(`Recorded that the backup ${copied} was copied.`);
  }
  const lock = lockBackupFolder(folder);
  try {
    await setCopiesExpected(folder, settings.after.length > 0 || settings.isCopiedLater);
    const dump = readsDatabase ? { dump: readBytes(stdin) } : {};
    const created = await createBackup(settings, { folder, clock: Date.now, ...dump });
    await copyElsewhere(settings, folder, created);
    return json ? formatJsonLine(toJson(created)) : formatForTerminal(render(created));
  } finally {
    lock.release();
  }
}

async function copyElsewhere(
  { after, env }: BackupSettings,
  folder: string,
  { path, manifest }: CreatedBackup,
): Promise<void> {
  if (after.length === 0) return;
  await runAfterBackup(after, { backup: path, folder, env });
  await storeCopy(folder, manifest.name);
}

async function storeCopy(folder: string, name: string): Promise<void> {
  try {
    await recordCopy(folder, name, Date.now());
  } catch (thrown) {
    throw createBackupError(
      `The backup ${name} was made and copied elsewhere, but that could not be recorded: ${describeFileError(thrown)}.`,
    );
  }
}

function parseBackupOptions(args: readonly string[]): BackupOptions {
  const options: BackupOptions = { readsDatabase: false };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift() ?? "";
    const [, name = arg, value = undefined] = /^(--[a-z]+)=(.*)$/s.exec(arg) ?? [];
    if (!OPTIONS.includes(name)) throw createUsageError(`backup has no argument ${arg.slice(0, 60)}.`);
    const given = value ?? rest.shift();
    if (given === undefined || given === "") throw createUsageError(`${name} needs a value.`);
    if (name === "--to") options.to = given;
    else if (name === "--copied") options.copied = checkBackupName(given);
    else if (given === "-") options.readsDatabase = true;
    else throw createUsageError("--database accepts only - (standard input).");
  }
  if (options.copied !== undefined && options.readsDatabase)
    throw createUsageError("--copied makes no backup, so it reads no database.");
  return options;
}

function checkBackupName(given: string): string {
  if (parseBackupName(given) !== undefined) return given;
  throw createUsageError(`--copied needs the name of a backup, not ${given.slice(0, 60)}.`);
}

async function* readBytes(stdin: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stdin) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

function toJson({ path, manifest, removed, skipped }: CreatedBackup) {
  const { name, bytes, files, parts } = manifest;
  return { backup: path, name, parts, files, bytes, removed, skipped };
}

function render({ path, manifest, removed, skipped }: CreatedBackup): string {
  const { parts, files, bytes } = manifest;
  const lines = [`Backup ${path}: ${parts.join(", ")}; ${files} files, ${formatSize(bytes)}.`];
  if (!parts.includes("database")) lines.push("It contains no database: BACKUP_DATABASE_URL is not set.");
  if (removed.length > 0) lines.push(`Removed older backups: ${removed.join(", ")}.`);
  if (skipped.length > 0) lines.push(`Not copied, because they are links or special files: ${skipped.join(", ")}.`);
  return lines.join("\n");
}

function formatSize(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
