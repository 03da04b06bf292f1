import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { BACKUP_PARTS, type BackupPart } from "../../shared/backup/backup-manifest.ts";
import { SECRETS_NAME } from "../../shared/backup/known-files.ts";
import { createRefusal } from "./backup-error.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { checkDatabase, restoreDatabase } from "./database-programs.ts";
import { restoreFiles } from "./restore-files.ts";
import { checkStoreUnused, restoreSqliteStore } from "./restore-sqlite.ts";
import type { VerifiedBackup } from "./verify-backup.ts";

/** Timeout for asking whether Groundcrew is running: 5 s. */
const PROBE_TIMEOUT_MS = 5_000;

interface RestoreOptions {
  /** The parts to restore. */
  parts: ReadonlySet<BackupPart>;
  /** Ends the names of what is moved aside: when the restore began. */
  name: string;
}

/**
 * Checks that a verified backup belongs to this installation and that every part can be restored. Throws a BackupError
 * otherwise; changes nothing.
 */
export async function checkRestore(
  { manifest, path }: VerifiedBackup,
  settings: BackupSettings,
  parts: ReadonlySet<BackupPart>,
  isOtherAllowed: boolean,
): Promise<void> {
  const { plane } = settings;
  if (plane && manifest.plane && !isOtherAllowed) {
    const [own, theirs] = [plane, manifest.plane].map(({ url, workspace }) => `${url}, workspace ${workspace}`);
    if (own !== theirs)
      throw createRefusal(
        `The backup is of ${theirs}, and this installation uses ${own}. With --other-installation it is restored nevertheless.`,
      );
  }
  if (parts.has("uploads") && settings.uploads === undefined)
    throw createRefusal("The backup contains uploads: set BACKUP_UPLOADS, or leave them out with --without uploads.");
  if (parts.has("database")) {
    if (settings.databaseUrl === undefined)
      throw createRefusal(
        "The backup contains a database: set BACKUP_DATABASE_URL, or leave it out with --without database.",
      );
    await checkDatabase({ url: settings.databaseUrl, env: settings.env }, join(path, BACKUP_PARTS.database));
  }
  if (parts.has("store")) await checkStoreTarget(settings, manifest.store?.engine);
}

async function checkStoreTarget({ store: { url }, address }: BackupSettings, engine: string | undefined) {
  const ownEngine = url.startsWith("file:") ? "sqlite" : url === "memory:" ? "memory" : "redis";
  if (ownEngine !== engine)
    throw createRefusal(
      `The backup has a store of ${engine === "redis" ? "Redis" : "SQLite"}, and STORE_URL names another kind: set STORE_URL as it was, or leave the store out with --without store.`,
    );
  const isRunning = await fetch(`${address}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    .then((response) => response.body?.cancel())
    .then(() => true)
    .catch(() => false);
  if (isRunning) throw createRefusal(`Groundcrew is running at ${address}: stop it first.`);
  if (ownEngine === "sqlite") checkStoreUnused(url);
  else await (await import("./redis-backup.ts")).checkRedis(url);
}

/**
 * Restores the parts of a backup for which `checkRestore` has passed. The store is last, so that an interrupted restore
 * can be run again. Returns what a person has to do.
 */
export async function restoreBackup(
  backup: VerifiedBackup,
  settings: BackupSettings,
  { parts, name }: RestoreOptions,
): Promise<string[]> {
  const { path, manifest, files } = backup;
  const { uploads, secretsFile, secretsFolder, databaseUrl, env, store, configFile } = settings;
  const notes: string[] = [];
  const place = (part: string, toTarget: (rest: string) => string | undefined) =>
    files.flatMap((file) => {
      const target = file.path.startsWith(`${part}/`) ? toTarget(file.path.slice(part.length + 1)) : undefined;
      return target === undefined ? [] : [{ ...file, target }];
    });
  if (parts.has("database") && databaseUrl !== undefined)
    await restoreDatabase({ url: databaseUrl, env }, join(path, BACKUP_PARTS.database));
  if (parts.has("uploads") && uploads !== undefined)
    await restoreFiles(
      path,
      place(BACKUP_PARTS.uploads, (rest) => join(uploads, rest)),
    );
  const aside = { folder: join(secretsFolder, `before-restore-${name}`), base: secretsFolder };
  if (parts.has("secrets"))
    await restoreFiles(
      path,
      place(BACKUP_PARTS.secrets, (rest) => (rest === SECRETS_NAME ? secretsFile : join(secretsFolder, rest))),
      aside,
    );
  if (parts.has("settings")) {
    const targets: Record<string, string | undefined> = {
      "groundcrew.json": configFile,
      ".env": existsSync(".env") ? undefined : resolve(".env"),
    };
    await restoreFiles(
      path,
      place(BACKUP_PARTS.settings, (rest) => targets[rest]),
      aside,
    );
    for (const { path: file } of files.filter((one) => one.path.startsWith(`${BACKUP_PARTS.settings}/`)))
      if (targets[file.slice(BACKUP_PARTS.settings.length + 1)] === undefined)
        notes.push(`${join(path, file)} was not put in place: compare it with yours.`);
  }
  if (existsSync(aside.folder)) notes.push(`Files with other content are in ${aside.folder}.`);
  if (parts.has("store")) await restoreStore(backup, store, name);
  if (manifest.plane && !settings.plane) notes.push(`The backup is of ${manifest.plane.url}.`);
  return notes;
}

async function restoreStore(
  { path, manifest, files }: VerifiedBackup,
  { url, prefix }: BackupSettings["store"],
  name: string,
): Promise<void> {
  if (manifest.store?.engine === "redis") {
    const { restoreRedis, getRedisDumpPath } = await import("./redis-backup.ts");
    const { prefix: from = prefix, format } = manifest.store;
    return restoreRedis({ url, prefix }, { path: getRedisDumpPath(path), from, format });
  }
  const file = files.find((one) => one.path === BACKUP_PARTS.sqliteStore);
  if (file) await restoreSqliteStore(url, { path: join(path, file.path), hash: file.hash, name });
}
