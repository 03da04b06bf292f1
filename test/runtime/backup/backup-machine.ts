import { spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { runCli } from "../../../runtime/cli/run-cli.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { claimStoreFormat } from "../../../shared/store/store-format.ts";
import { getBuiltProgram } from "../../support/built-program.ts";

export interface CommandResult {
  exit: number | null;
  out: string;
  err: string;
}

/** Runs the real command in a separate process, without this process's environment. */
export async function runGroundcrew(
  args: readonly string[],
  { cwd, env = {}, stdin = "" }: { cwd: string; env?: Record<string, string>; stdin?: string | Uint8Array },
): Promise<CommandResult> {
  const { PATH = "" } = process.env;
  const nodeArgs = ["--disable-warning=ExperimentalWarning", getBuiltProgram("cli"), ...args];
  const child = spawn(process.execPath, nodeArgs, { cwd, env: { PATH, ...env } });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  const exited = new Promise<number | null>((resolveExit) => child.once("close", resolveExit));
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { exit, out, err };
}

/** A store without records of its own, as a first start makes it. */
export const EMPTY_STORE = await createEmptyStore();

async function createEmptyStore(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-store-"));
  const store = await openStore(`file:${folder}`, { prefix: "groundcrew" });
  await claimStoreFormat(store);
  await store.close();
  const file = readFileSync(join(folder, "groundcrew.db"));
  rmSync(folder, { recursive: true });
  return file;
}

/**
 * An installation with a store, secrets and uploads in a temporary folder, and the commands that run in it. `onEnd` removes it at
 * the end of the test by default.
 */
export function createBackupMachine(
  extraEnv: Record<string, string> = {},
  onEnd: (clean: () => void) => void = onTestFinished,
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-backup-")));
  onEnd(() => rmSync(folder, { recursive: true, force: true }));
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
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(join(folder, path, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, path), content, { mode: 0o600 });
  };
  write("data/secrets.json", JSON.stringify({ ADMIN_TOKEN: "marked-secret-admin-token" }));
  write("data/groundcrew.db", EMPTY_STORE);
  write("data/agents/thot/token", "marked-secret-bridge-token\n");
  write("uploads/bucket/picture.png", "a picture");
  write("uploads/bucket/name with spaces, é and \\ backslash", "another file");

  return {
    folder,
    backups,
    env,
    write,
    read: (path: string) => readFileSync(join(folder, path), "utf8"),
    remove: (path: string) => rmSync(join(folder, path), { recursive: true }),
    run: (args: readonly string[], options: { env?: Record<string, string>; stdin?: string | Uint8Array } = {}) =>
      runGroundcrew(args, { ...options, cwd: folder, env: { ...env, ...options.env } }),
    /** Runs the command in this process, which takes milliseconds, for cases that need no process of their own. */
    async runHere(args: readonly string[], extra: Record<string, string> = {}): Promise<CommandResult> {
      let [out, err] = ["", ""];
      const exit = await runCli(args, {
        env: { PATH: process.env["PATH"], ...env, ...extra },
        cwd: folder,
        stdin: Readable.from([]),
        out: (part) => (out += part),
        err: (part) => (err += part),
      });
      return { exit, out, err };
    },
    /** The names of complete backups. */
    listBackups: () => readdirSync(backups).filter((name) => !name.startsWith(".")),
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
