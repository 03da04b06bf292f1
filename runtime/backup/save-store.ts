import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { BACKUP_PARTS, type BackupManifest } from "../../shared/backup/backup-manifest.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { parseStoreFolder } from "../stores/open-store.ts";
import { isCopyName, saveSqliteCopy } from "../stores/sqlite-copy.ts";
import { isLockedError } from "../stores/sqlite-errors.ts";
import { STORE_FILE_NAME } from "../stores/store-file.ts";
import { createBackupError } from "./backup-error.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { copyFile, type WrittenFile } from "./copy-files.ts";
import { checkStoreCopy } from "./sqlite-backup.ts";

/** Timeout for the copy that a running Groundcrew makes: 30 minutes, for a file of many gigabytes on a slow disk. */
const COPY_TIMEOUT: Ms = 30 * MINUTE;

const copySchema = z.object({ file: z.string().refine(isCopyName) });
const errorSchema = z.object({ error: z.object({ message: z.string() }) });

export interface SavedStore {
  file: WrittenFile;
  store: NonNullable<BackupManifest["store"]>;
}

/** Saves the store to a new file below `root`, also while Groundcrew uses it. Undefined where there is no store yet. */
export async function saveStore(settings: BackupSettings, root: string): Promise<SavedStore | undefined> {
  const { url, prefix } = settings.store;
  if (url === "memory:") return undefined;
  if (!url.startsWith("file:")) {
    const { dumpRedis } = await import("./redis-backup.ts");
    return dumpRedis({ url, prefix }, root);
  }
  const folder = resolve(parseStoreFolder(url));
  if (!existsSync(join(folder, STORE_FILE_NAME))) return undefined;
  const copy = join(folder, (await copyUnusedStore(folder)) ?? (await requestCopy(settings)));
  try {
    if (!existsSync(copy))
      throw createBackupError(
        `Groundcrew at ${settings.address} copied another store than ${folder}: check STORE_URL and GROUNDCREW_URL.`,
      );
    const file = await copyFile(copy, root, BACKUP_PARTS.sqliteStore);
    const format = checkStoreCopy(join(root, BACKUP_PARTS.sqliteStore));
    return { file, store: { engine: "sqlite", format } };
  } finally {
    await rm(copy, { force: true });
  }
}

/** Copies a store that no Groundcrew has open and returns the copy's name; undefined when one has. */
async function copyUnusedStore(folder: string): Promise<string | undefined> {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(folder, STORE_FILE_NAME));
    // Reading shows whether it is locked. It may have a log of a process that was killed, which is read as well.
    database.prepare("SELECT count(*) FROM sqlite_master").get();
    return await saveSqliteCopy(database, folder);
  } catch (thrown) {
    if (isLockedError(thrown)) return undefined;
    throw createBackupError(`The store in ${folder} cannot be read: ${getErrorMessage(thrown)}`);
  } finally {
    database?.close();
  }
}

/** Lets the running Groundcrew copy its store, because no other process can read it, and returns the copy's name. */
async function requestCopy({ address, adminToken }: BackupSettings): Promise<string> {
  if (adminToken === undefined)
    throw createBackupError("A running Groundcrew uses the store, and only it can copy it: set ADMIN_TOKEN.");
  const hint = "Set GROUNDCREW_URL to the address of the Groundcrew that uses the store, or stop it during the backup.";
  try {
    const response = await fetch(`${address}/api/store-copy`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(COPY_TIMEOUT),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    const copy = copySchema.safeParse(answer);
    if (response.ok && copy.success) return copy.data.file;
    const reason = errorSchema.safeParse(answer).data?.error.message ?? "not like Groundcrew";
    throw createBackupError(`Groundcrew at ${address} answered ${response.status}: ${reason} ${hint}`);
  } catch (thrown) {
    if (!(thrown instanceof TypeError) && !(thrown instanceof DOMException)) throw thrown;
    throw createBackupError(`Groundcrew uses the store, but does not answer at ${address}. ${hint}`);
  }
}
