/**
 * Files of this machine: settings and secrets that only their owner may read, files that are replaced as a whole, a
 * folder that one process uses at a time, and the files of the product itself.
 */

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { type SettingsFiles, toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";

interface FolderUse {
  /** Part of the name that is locked. */
  purpose: string;
  /** Message of the error when another process has it. */
  conflict: string;
}

/** Limit of a settings or secrets file: 4 MiB, several times 500 agents with the longest texts. */
const MAX_SETTINGS_BYTES = 4 * 2 ** 20;

/** `EX_CONFIG` of sysexits.h: a human must change a setting, so restarting does not help. */
export const EX_CONFIG = 78;

/** Size of one read: 64 KiB, more than most of these files have. */
const CHUNK_BYTES = 2 ** 16;

/**
 * Reads the files of the settings from the disk. Text, mode and owner come from one opened file, so that a file put in
 * its place meanwhile cannot pass the checks of the other.
 */
export const nodeFiles: SettingsFiles = {
  read(path) {
    const file = openIfPresent(path);
    if (file === undefined) return undefined;
    try {
      const { mode, uid } = fstatSync(file);
      return { text: readText(file, path), mode: mode & 0o777, isOthers: isOtherUser(uid) };
    } finally {
      closeSync(file);
    }
  },
};

/** Whether this is the build in dist/, whose chunks lie in a folder of their own. The sources are TypeScript. */
const IS_BUILD = !import.meta.url.endsWith(".ts");

/** Programs by their path in dist/, and where their sources are. */
const PROGRAMS = {
  start: "runtime/start.js",
  cli: "runtime/cli.js",
  "demo/product-child": "demo/product-child.ts",
} as const;

/** A text that differs whenever the file has changed or was replaced; "" when it does not exist. */
export function getFileFingerprint(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":") : "";
}

/**
 * Creates a function that returns a text that differs whenever the secrets file or the settings file has changed. It
 * throws while a file is missing that was there before: without it agents and tokens would silently be gone.
 */
export function createSettingsFingerprint(env: Record<string, string | undefined>, secretsFile: string): () => string {
  const configFile = env["GROUNDCREW_CONFIG"] || toPathBesideSecrets(secretsFile, "groundcrew.json");
  const seen = new Set<string>();
  const fingerprintFile = (path: string) => {
    const fingerprint = getFileFingerprint(path);
    if (fingerprint !== "") seen.add(path);
    else if (seen.has(path)) throw new Error(`${path} does not exist any more`);
    return fingerprint;
  };
  return () => [secretsFile, configFile].map(fingerprintFile).join(" ");
}

/** Reads the settings of an environment, by default this process's, which overrides `.env` in the working directory. */
export function readEnvironment(
  env: Record<string, string | undefined> = process.env,
): Record<string, string | undefined> {
  return { ...parseEnv(readDotEnv()), ...env };
}

/** Reads `.env`. The error that it throws has the exit code of invalid settings, for `launch`. */
function readDotEnv(): string {
  try {
    return nodeFiles.read(".env")?.text ?? "";
  } catch (thrown) {
    const reason = findErrorCode(thrown) ?? getErrorMessage(thrown);
    const message = `.env in ${process.cwd()} cannot be read (${reason}): make it a file that this user can read, or move it away.`;
    throw Object.assign(new Error(message, { cause: thrown }), { exit: EX_CONFIG });
  }
}

/**
 * The address of a file that belongs to the product, by its path in the repository. A build has its files in
 * dist/files/; those of packages are in `packages` there, because npm packs no folder named `node_modules`. What the
 * build makes of the page is in `page` there, also for the sources.
 */
export function getProductFile(path: string): URL {
  if (!IS_BUILD) return new URL(`../../${path.replace(/^page\//, "dist/files/page/")}`, import.meta.url);
  return new URL(`../files/${path.replace(/^node_modules\//, "packages/")}`, import.meta.url);
}

/** The path of a program of the product that another one starts. */
export function getProgramPath(name: keyof typeof PROGRAMS): string {
  return fileURLToPath(new URL(IS_BUILD ? `../${name}.js` : `../../${PROGRAMS[name]}`, import.meta.url));
}

/** Reads the product's own files by their path, each one once, so that the served files stay the same until the next start. */
export function createAssetReader(): (path: string) => string {
  const texts = new Map<string, string>();
  return (path) => {
    const text = texts.get(path) ?? readFileSync(getProductFile(path), "utf8");
    texts.set(path, text);
    return text;
  };
}

/** Size of a padded file: 4 KiB, one block of most file systems. */
const PADDED_SIZE = 4_096;

/**
 * A small file that keeps its size, so that it can also be written on a full disk once it exists. A text that is longer
 * is not written. Its content may be damaged by a failure of the machine during a write.
 */
export function openPaddedFile(path: string): { read: () => string | undefined; write: (text: string) => void } {
  return {
    read: () => (existsSync(path) ? readFileSync(path, "utf8").trimEnd() : undefined),
    write(text) {
      const bytes = Buffer.from(text.padEnd(PADDED_SIZE));
      if (bytes.length > PADDED_SIZE) throw new RangeError(`${path} holds at most ${PADDED_SIZE} bytes.`);
      const file = openSync(path, existsSync(path) ? "r+" : "wx", 0o600);
      try {
        writeSync(file, bytes);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Replaces a file's text, whole or not at all, and keeps its mode and owner. */
export function replaceFile(path: string, text: string): void {
  const { mode, uid, gid } = statSync(path);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(draft, text, { flag: "wx", mode: mode & 0o777, flush: true });
    chmodSync(draft, mode & 0o777);
    // Only root may give a file to someone else; for others it already has their owner.
    if (process.getuid?.() === 0) chownSync(draft, uid, gid);
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw thrown;
  }
}

/**
 * Makes sure that one process at a time uses a folder: it listens on a name that the kernel frees with the process,
 * however that ends. Throws when another process has it. Only Linux has such names; elsewhere nothing is locked.
 */
export async function lockFolder(
  folder: string,
  { purpose, conflict }: FolderUse = {
    purpose: "runner",
    conflict: `Another runner uses ${folder}. Stop it first, or set RUNNER_FOLDER.`,
  },
): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const server = createServer((socket) => socket.destroy());
  const id = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32);
  server.listen({ path: `\0groundcrew-${purpose}-${id}` });
  try {
    await once(server, "listening");
  } catch {
    throw new Error(conflict);
  }
  server.unref();
  return () => void server.close();
}

/** Writes a file that only this user can read, whole or not at all; a link in its place is replaced, not followed. */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, text, { flag: "wx", mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** Creates a folder that only this user can read. Throws when a link or a file is in its place. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} is not a folder. Remove it.`);
}

/** Reads at most the limit, because a device or pipe may never end. Throws a RangeError when there is more. */
function readText(file: number, path: string): string {
  const chunks: Buffer[] = [];
  for (let size = 0; size <= MAX_SETTINGS_BYTES; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readSync(file, chunk, 0, CHUNK_BYTES, null);
    // A byte order mark, which some editors of Windows write, is left out.
    if (count === 0) return new TextDecoder().decode(Buffer.concat(chunks, size));
    chunks.push(chunk.subarray(0, count));
    size += count;
  }
  throw new RangeError(`${path} has more than ${MAX_SETTINGS_BYTES} bytes`);
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    if (findErrorCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Whether a file's owner is neither this process nor root. Windows has no such numbers. */
function isOtherUser(uid: number): boolean {
  const ownUid = process.getuid?.();
  return ownUid !== undefined && uid !== ownUid && uid !== 0;
}
