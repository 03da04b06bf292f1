import { createHash } from "node:crypto";
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished } from "vitest";
import { formatBackupName, formatChecksums, parseChecksums } from "../../../runtime/backup/manifest.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import type { Commit } from "../../../shared/store/port.ts";
import { claimStoreFormat } from "../../../shared/store/store-format.ts";
import type { Ms } from "../../../shared/time.ts";
import { runCli, runCliHere } from "../../support/program.ts";
import { createTestFolder, type OnEnd, writeFiles } from "../../support/test-folder.ts";

/** A store without records of its own, as a first start makes it. */
export const EMPTY_STORE = await createEmptyStore();

async function createEmptyStore(): Promise<Buffer> {
  const folder = createTestFolder("store", () => {});
  await fillStore(`file:${folder}`);
  const file = readFileSync(join(folder, "groundcrew.db"));
  rmSync(folder, { recursive: true });
  return file;
}

/** Opens the store of a URL as the product does, commits these changes to it, and closes it. */
export async function fillStore(url: string, ...commits: Commit[]) {
  const store = await openStore(url, { prefix: "groundcrew" });
  await claimStoreFormat(store);
  for (const commit of commits) await store.commit(commit);
  await store.close();
}

/**
 * An installation with a store, secrets and uploads in a temporary folder, and the commands that run in it. `onEnd` removes it at
 * the end of the test by default.
 */
export function createBackupMachine(extraEnv: Record<string, string> = {}, onEnd: OnEnd = onTestFinished) {
  const folder = createTestFolder("backup", onEnd);
  const backups = join(folder, "backups");
  const env: Record<string, string> = {
    BACKUP_FOLDER: backups,
    BACKUP_UPLOADS: join(folder, "uploads"),
    SECRETS_FILE: join(folder, "data/secrets.json"),
    STORE_URL: `file:${join(folder, "data")}`,
    PLANE_URL: "https://work.example.com",
    PLANE_WORKSPACE: "javisi",
    // Nothing listens there: no Groundcrew is running.
    PORT: "1",
    ...extraEnv,
  };
  writeFiles(folder, {
    "data/secrets.json": { ADMIN_TOKEN: "marked-secret-admin-token" },
    "data/groundcrew.db": EMPTY_STORE,
    "data/agents/thot/token": "marked-secret-bridge-token\n",
    "uploads/bucket/picture.png": "a picture",
    "uploads/bucket/name with spaces, é and \\ backslash": "another file",
  });

  /** Runs the command in this process, which takes milliseconds, for cases that need no process of their own. */
  const runHere = (args: readonly string[], extra: Record<string, string> = {}) =>
    runCliHere(args, { cwd: folder, env: { ...env, ...extra } });
  /** The names of complete backups. */
  const listBackups = () => readdirSync(backups).filter((name) => !name.startsWith("."));
  return {
    ...{ folder, backups, env, runHere, listBackups },
    write: (path: string, content: string) => writeFiles(folder, { [path]: content }),
    read: (path: string) => readFileSync(join(folder, path), "utf8"),
    remove: (path: string) => rmSync(join(folder, path), { recursive: true }),
    run: (args: readonly string[], options: { env?: Record<string, string>; stdin?: string | Uint8Array } = {}) =>
      runCli(args, { ...options, cwd: folder, env: { ...env, ...options.env } }),
    /** Makes a backup; resolves with what the command prints about it. */
    async backUp(...options: string[]) {
      const { exit, out, err } = await runHere(["backup", ...options, "--json"]);
      expect(exit, err).toBe(0);
      return JSON.parse(out);
    },
    /** Gives the newest backup the name of an earlier time, because a test takes less than a second. */
    ageBackup(at: Ms): string {
      const name = formatBackupName(at);
      renameSync(join(backups, listBackups().at(-1) ?? ""), join(backups, name));
      return name;
    },
  };
}

export type BackupMachine = ReturnType<typeof createBackupMachine>;

/** All files below a folder with mode and content, and all folders with their mode, to compare two moments. */
export function describeTree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(folder.length + 1);
      if (!entry.isFile()) return `${name} ${entry.isDirectory() ? "folder" : "other"}`;
      return `${name} ${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path).toString("base64")}`;
    })
    .sort();
}

export const hash = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

export const readManifest = (backup: string): Record<string, unknown> & { files: number } =>
  JSON.parse(readFileSync(join(backup, "manifest.json"), "utf8"));

export const editManifest = (backup: string, change: object) =>
  writeFiles(backup, { "manifest.json": { ...readManifest(backup), ...change } });

/** Adds a file to a backup, its list and its manifest, as somebody would who wants it to be restored. */
export function smuggle(backup: string, path: string) {
  writeFiles(backup, { [path]: "smuggled" });
  appendFileSync(join(backup, "SHA256SUMS"), `${hash("smuggled")}  ${path}\n`);
  editManifest(backup, { files: readManifest(backup).files + 1 });
  forgeChecksums(backup);
}

/** Changes the saved store, and hides that as far as checksums can. */
export function changeStore(backup: string, sql: string) {
  const database = new DatabaseSync(join(backup, "store/groundcrew.db"));
  database.exec("PRAGMA journal_mode = DELETE");
  database.exec(sql);
  database.close();
  forgeChecksums(backup);
}

/** Makes list and manifest agree with the files again, as somebody would who wants to hide a change. */
function forgeChecksums(backup: string) {
  const list = join(backup, "SHA256SUMS");
  const files = parseChecksums(readFileSync(list, "utf8")).map((file) => {
    const content = readFileSync(join(backup, file.path));
    return { ...file, hash: hash(content), bytes: content.length };
  });
  const sums = formatChecksums(files);
  writeFileSync(list, sums);
  editManifest(backup, { checksums: hash(sums), bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) });
}
