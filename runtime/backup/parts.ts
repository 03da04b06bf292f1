/**
 * The parts of a backup: Groundcrew's store, Plane's database, its uploads, secrets, settings and a ticket runner. Each
 * says how it is saved, which files of a backup are its own, when a backup of it is broken, when it cannot be restored
 * here, and how it is restored.
 */

import { existsSync } from "node:fs";
import { mkdir, rename, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { taskKeySchema } from "../../shared/names.ts";
import { lockFolder } from "../node/files.ts";
import type { BackupSettings } from "./backup-settings.ts";
import {
  checkDatabase,
  DUMP_HEADER_BYTES,
  dumpDatabase,
  readDumpHeader,
  receiveDump,
  restoreDatabase,
} from "./database-dump.ts";
import {
  copyFile,
  copyTree,
  type FileOwner,
  hashFile,
  makeOwnedFolder,
  placeFile,
  readStart,
  type SavedPart,
  setOwner,
  withRegularFile,
  writeText,
} from "./files.ts";
import {
  BACKUP_PARTS,
  type BackupPart,
  createBackupError,
  createRefusal,
  createSettingError,
  type VerifiedBackup,
} from "./manifest.ts";
import { checkStoreCopy, checkStoreFormatNumber, type StoreEngine, sqliteEngine } from "./sqlite-backup.ts";
import { workerEngine } from "./worker-backup.ts";

interface Part {
  name: BackupPart;
  /**
   * Saves it to new files below `root`; undefined where this installation has none. `dump`: the database's, which
   * another program writes, instead of the one by `databaseUrl`.
   */
  save(
    settings: BackupSettings,
    destination: { root: string; dump?: AsyncIterable<Uint8Array> },
  ): Promise<SavedPart | undefined>;
  /** Whether a file of a backup belongs to it, by its path below the backup's folder. */
  owns(path: string): boolean;
  /** Throws a BackupError when a backup with this part lacks something of it or has another form. */
  verify?(backup: VerifiedBackup): Promise<void>;
  /** Throws a BackupError when it cannot be restored with these settings. Changes nothing. */
  check?(backup: VerifiedBackup, settings: BackupSettings): Promise<void>;
  /** Restores it and returns what a person has to do. */
  restore(backup: VerifiedBackup, settings: BackupSettings, name: string): Promise<string[]>;
}

/** A part that consists of files in one folder of the backup. */
interface FilesPart {
  name: "uploads" | "secrets" | "settings" | "runner";
  /** What is saved, with the name that it gets in the part's folder: a file, a folder with all in it, or a text. */
  list(settings: BackupSettings): { file?: string; tree?: string; text?: string; to: string }[];
  /** Whether a file with this name in the part's folder belongs to it. */
  ownsName(name: string): boolean;
  /** The path to which a file with this name is restored; undefined for one that a person has to compare. */
  findTarget(name: string, settings: BackupSettings): string | undefined;
  /** Files with another content are moved aside before they are replaced. */
  keepsReplaced: boolean;
  /** Mode and owner of each file are saved and restored. Without it a restored file is its owner's alone. */
  keepsOwners?: boolean;
  check?: Part["check"];
}

/** The name of SECRETS_FILE in a backup, because it may have another one on the machine that restores it. */
const SECRETS_NAME = "secrets.json";

/** Files and folders beside SECRETS_FILE that belong to the secrets, besides that file itself. */
const SECRET_FILES = ["provision-secrets.json", "groundcrew.json", "connection.env"];

const SECRET_FOLDERS = ["agents", "openclaw"];

/** The file in a part's folder with the mode and owner of its files, by their names. */
const OWNERS_FILE = "owners.json";

const ownersSchema = z.record(
  z.string(),
  // No set-user-ID bits: a backup must not make programs that run as somebody else.
  z.object({ mode: z.int().min(0).max(0o777), uid: z.int().min(0), gid: z.int().min(0) }),
);

const RUNNER_SETTINGS = ["runner.json", "runner.env"];

/**
 * Files of a session that a backup has: its record, what Claude Code reported and its result. The others are written
 * anew at each launch, and contain commands and secrets.
 */
const SESSION_FILES = [
  "record.json",
  "ticket.md",
  "session-start.json",
  "session-end.json",
  "status.json",
  "completion.txt",
];

/** Timeout for asking whether Groundcrew is running: 5 s. */
const PROBE_TIMEOUT_MS = 5_000;

/** A backup has every store in the same form, so that it can be restored into another engine. */
const STORE: Part = {
  name: "store",
  async save(settings, { root }) {
    return (await loadStoreEngine(settings))?.save(settings, root);
  },
  owns: (path) => path === BACKUP_PARTS.store,
  async verify({ path, manifest: { store, groundcrew }, files }) {
    if (!store || !files.some((one) => one.path === BACKUP_PARTS.store))
      throw createRefusal(`The backup ${path} lacks its store.`);
    checkStoreFormatNumber(store.format, groundcrew);
    if ((await checkStoreCopy(join(path, BACKUP_PARTS.store))) !== store.format)
      throw createRefusal(`The store in ${path} does not have the format that its manifest names.`);
  },
  async check(_backup, settings) {
    const engine = await loadStoreEngine(settings);
    if (!engine)
      throw createRefusal("STORE_URL is memory:, which keeps nothing: leave the store out with --without store.");
    const { address } = settings;
    if (engine.needsStop && (await isGroundcrewRunning(address)))
      throw createRefusal(`Groundcrew is running at ${address}: stop it first.`);
    await engine.check(settings);
  },
  async restore(backup, settings, name) {
    await (await loadStoreEngine(settings))?.restore(backup, settings, name);
    return [];
  },
};

/** How this kind of store is saved, checked and restored; undefined for one in memory. Redis' client is loaded only where it is used. */
async function loadStoreEngine({ store: { url } }: BackupSettings): Promise<StoreEngine | undefined> {
  if (url === "memory:") return undefined;
  if (url.startsWith("file:")) return sqliteEngine;
  return /^https?:/.test(url) ? workerEngine : (await import("./redis-backup.ts")).redisEngine;
}

function isGroundcrewRunning(address: string): Promise<boolean> {
  return fetch(`${address}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    .then((response) => response.body?.cancel())
    .then(() => true)
    .catch(() => false);
}

const DATABASE: Part = {
  name: "database",
  async save({ databaseUrl: url, env }, { root, dump }) {
    if (dump === undefined && url === undefined) return undefined;
    const path = BACKUP_PARTS.database;
    const file = dump ? await receiveDump(dump, root, path) : await dumpDatabase({ url: url ?? "", env }, root, path);
    const postgresql = readDumpHeader(await readStart(join(root, path), DUMP_HEADER_BYTES));
    if (!postgresql) throw createBackupError("What was dumped is not in pg_dump's custom format.");
    return { files: [file], facts: { postgresql } };
  },
  owns: (path) => path === BACKUP_PARTS.database,
  async verify({ path, files }) {
    if (!files.some((file) => file.path === BACKUP_PARTS.database))
      throw createRefusal(`The backup ${path} lacks its database.`);
    if (!readDumpHeader(await readStart(join(path, BACKUP_PARTS.database), DUMP_HEADER_BYTES)))
      throw createRefusal(`The database in ${path} is not a dump of pg_dump.`);
  },
  async check({ path }, { databaseUrl: url, env }) {
    if (url === undefined)
      throw createRefusal(
        "The backup contains a database: set BACKUP_DATABASE_URL, or leave it out with --without database.",
      );
    await checkDatabase({ url, env }, join(path, BACKUP_PARTS.database));
  },
  async restore({ path }, { databaseUrl: url, env }) {
    if (url !== undefined) await restoreDatabase({ url, env }, join(path, BACKUP_PARTS.database));
    return [];
  },
};

const UPLOADS = createFilesPart({
  name: "uploads",
  list: ({ uploads }) => (uploads === undefined ? [] : [{ tree: uploads, to: "" }]),
  ownsName: (name) => name !== "",
  findTarget: (name, { uploads }) => uploads && join(uploads, name),
  keepsReplaced: false,
  async check(_backup, { uploads }) {
    if (uploads === undefined)
      throw createRefusal("The backup contains uploads: set BACKUP_UPLOADS, or leave them out with --without uploads.");
  },
});

const SECRETS = createFilesPart({
  name: "secrets",
  list({ secretsFile, secretsFolder }) {
    const others = SECRET_FILES.filter((name) => name !== basename(secretsFile));
    const sources = [
      { file: secretsFile, to: SECRETS_NAME },
      ...others.map((name) => ({ file: join(secretsFolder, name), to: name })),
      ...SECRET_FOLDERS.map((name) => ({ tree: join(secretsFolder, name), to: name })),
    ];
    return sources.filter((source) => existsSync("file" in source ? source.file : source.tree));
  },
  // A restore puts files where their names say: an `.ssh/authorized_keys` would be one for the service's user.
  ownsName: (name) =>
    [SECRETS_NAME, ...SECRET_FILES].includes(name) || SECRET_FOLDERS.some((folder) => name.startsWith(`${folder}/`)),
  findTarget: (name, { secretsFile, secretsFolder }) =>
    name === SECRETS_NAME ? secretsFile : join(secretsFolder, name),
  keepsReplaced: true,
});

/** A settings file of its own, and the `.env` of a checkout or of Compose. */
const SETTINGS = createFilesPart({
  name: "settings",
  list: ({ configFile, composeEnvironment, environmentFile }) => [
    ...(configFile === undefined ? [] : [{ file: configFile, to: "groundcrew.json" }]),
    ...(composeEnvironment !== undefined
      ? [{ text: `${composeEnvironment.trimEnd()}\n`, to: "compose.env" }]
      : existsSync(environmentFile)
        ? [{ file: environmentFile, to: ".env" }]
        : []),
  ],
  ownsName: (name) => ["groundcrew.json", ".env", "compose.env"].includes(name),
  findTarget(name, { configFile, environmentFile }) {
    if (name === "groundcrew.json") return configFile;
    return name === ".env" && !existsSync(environmentFile) ? environmentFile : undefined;
  },
  keepsReplaced: true,
});

/**
 * What a ticket host needs besides its repositories: the runner's settings, its records of sessions, and Claude's own
 * configuration where it is named. Worktrees are git's; everything else in the runner's folder is made at its start.
 */
const RUNNER = createFilesPart({
  name: "runner",
  list({ runnerConfig, runnerFolder, claude }) {
    const settings = RUNNER_SETTINGS.map((name) => ({ file: join(runnerConfig?.path ?? "", name), to: name }));
    const config = runnerConfig ? settings.filter(({ file }) => existsSync(file)) : [];
    if (runnerConfig?.isNamed && config.length === 0)
      throw createSettingError(
        `BACKUP_RUNNER names ${runnerConfig.path}, which has neither runner.json nor runner.env.`,
      );
    const folder = runnerFolder?.path ?? "";
    if (runnerFolder?.isNamed) requireFolder("RUNNER_FOLDER", folder);
    const state = [
      { file: join(folder, "runner-id"), to: "runner-id" },
      { tree: join(folder, "sessions"), to: "sessions" },
    ].filter((source) => runnerFolder && existsSync(source.file ?? source.tree));
    if (claude === undefined) return [...config, ...state];
    requireFolder("BACKUP_CLAUDE", claude);
    // Where CLAUDE_CONFIG_DIR is not set, Claude Code keeps this file beside its folder.
    const file = { file: `${claude}.json`, to: "claude.json" };
    return [...config, ...state, { tree: claude, to: "claude" }, ...(existsSync(file.file) ? [file] : [])];
  },
  ownsName: (name) =>
    [...RUNNER_SETTINGS, "runner-id", "claude.json", OWNERS_FILE].includes(name) ||
    name.startsWith("claude/") ||
    isSavedSessionFile(name),
  findTarget(name, { runnerConfig, runnerFolder, claude }) {
    if (name === "claude.json") return claude && `${claude}.json`;
    if (name.startsWith("claude/")) return claude && join(claude, name.slice("claude/".length));
    const place = RUNNER_SETTINGS.includes(name) ? runnerConfig : runnerFolder;
    return place && join(place.path, name);
  },
  keepsReplaced: true,
  keepsOwners: true,
  async check({ files }, { claude, runnerFolder }) {
    if (claude === undefined && files.some(({ path }) => path.startsWith(`${BACKUP_PARTS.runner}/claude`)))
      throw createRefusal(
        "The backup contains Claude Code's configuration: set BACKUP_CLAUDE, or leave the runner out with --without runner.",
      );
    if (!runnerFolder || !existsSync(runnerFolder.path)) return;
    const unlock = await lockFolder(runnerFolder.path).catch(() => undefined);
    if (!unlock) throw createRefusal(`A ticket runner is using ${runnerFolder.path}: stop it first.`);
    unlock();
  },
});

function isSavedSessionFile(path: string): boolean {
  const [folder, ticket, file = "", ...rest] = path.split("/");
  const isSession = folder === "sessions" && taskKeySchema.safeParse(ticket).success;
  return isSession && SESSION_FILES.includes(file) && rest.length === 0;
}

function requireFolder(name: string, path: string): void {
  if (!existsSync(path)) throw createSettingError(`${name} names ${path}, which does not exist.`);
}

/** All parts, in the order in which they are saved: what the store refers to is then in the later copy of Plane as well. */
export const PARTS: readonly Part[] = [STORE, DATABASE, UPLOADS, SECRETS, SETTINGS, RUNNER];

/** All parts, in the order in which they are restored. The store is last, so that an interrupted restore can be run again. */
export const PARTS_TO_RESTORE: readonly Part[] = [DATABASE, UPLOADS, SECRETS, SETTINGS, RUNNER, STORE];

function createFilesPart(filesPart: FilesPart): Part {
  const { name: part, list, ownsName, findTarget, keepsReplaced, keepsOwners = false, check } = filesPart;
  const prefix = `${BACKUP_PARTS[part]}/`;
  const owns = (path: string) => path.startsWith(prefix) && ownsName(path.slice(prefix.length));
  return {
    name: part,
    owns,
    ...(check && { check }),
    ...(keepsOwners && { verify: async ({ path }) => void (await readOwners(join(path, prefix))) }),
    async save(settings, { root }) {
      const sources = list(settings);
      const saved: Required<Omit<SavedPart, "facts">> = { files: [], skipped: [] };
      for (const { file, tree, text = "", to } of sources) {
        const path = join(BACKUP_PARTS[part], to);
        if (tree !== undefined) {
          const accepts = (name: string) => ownsName(join(to, name));
          const copied = await copyTree(tree, { root, path, accepts });
          saved.files.push(...copied.files);
          saved.skipped.push(...copied.skipped.map((name) => join(tree, name)));
        } else saved.files.push(await (file === undefined ? writeText(root, path, text) : copyFile(file, root, path)));
      }
      if (keepsOwners && saved.files.length > 0) {
        const owners = Object.fromEntries(saved.files.map(({ path, owner }) => [path.slice(prefix.length), owner]));
        saved.files.push(await writeText(root, prefix + OWNERS_FILE, JSON.stringify(owners)));
      }
      // Uploads are a part as soon as they are configured; empty folders of secrets are none.
      return sources.length > 0 && (saved.files.length > 0 || part === "uploads") ? saved : undefined;
    },
    async restore({ path: root, files }, settings, name) {
      const notes: string[] = [];
      const aside = keepsReplaced ? getAsideFolder(settings, name) : undefined;
      const owners = keepsOwners ? await readOwners(join(root, prefix)) : undefined;
      const targets = files.flatMap((file) => {
        const ownName = file.path.slice(prefix.length);
        if (!owns(file.path) || (owners && ownName === OWNERS_FILE)) return [];
        const target = findTarget(ownName, settings);
        if (target === undefined) notes.push(`${join(root, file.path)} was not put in place: compare it with yours.`);
        return target === undefined ? [] : [{ ...file, target, owner: owners?.get(ownName) }];
      });
      for (const { path, hash, target, owner } of targets) {
        if (owner) await makeOwnedFolder(dirname(target), owner);
        if (existsSync(target) && (await hashFile(target)) === hash) {
          if (owner) await setOwner(target, owner);
          continue;
        }
        await placeFile(join(root, path), { target, hash }, async (copy) => {
          if (owner) await setOwner(copy, owner);
          if (aside !== undefined && existsSync(target))
            await moveAside(target, join(aside, path.replace(/^secrets\//, "")));
        });
      }
      // Nothing was moved there.
      if (aside !== undefined) await rmdir(aside).catch(() => {});
      return notes;
    },
  };
}

/** The folder for files that a restore replaces. `name` ends the names of what is moved aside: when the restore began. */
export function getAsideFolder({ secretsFolder }: BackupSettings, name: string): string {
  return join(secretsFolder, `before-restore-${name}`);
}

async function readOwners(folder: string): Promise<Map<string, FileOwner>> {
  const text = await withRegularFile(join(folder, OWNERS_FILE), (file) => file.readFile("utf8"));
  return new Map(Object.entries(ownersSchema.parse(JSON.parse(text))));
}

async function moveAside(target: string, kept: string): Promise<void> {
  await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
  await rename(target, kept);
}
