/**
 * The files that provision writes, of which each holds a secret: a folder that somebody replaces by a link meanwhile is
 * noticed, and nothing is written through it. And the lock that keeps two processes from writing there at once: the
 * operating system's lock excludes the other processes of this machine and ends with its holder; a file names the
 * holder to people and to other machines, which that lock may not reach.
 */

import { randomBytes } from "node:crypto";
import { constants, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { Disk } from "../../functions/provision/files.ts";
import { findErrorCode, GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { tryParseJson } from "../../shared/text.ts";
import { MINUTE } from "../../shared/time.ts";
import { lockFile } from "../stores/sqlite-store.ts";

/** The opened folder of a file. `base` leads to the folder even when another process renames or replaces it. */
interface PinnedFolder {
  handle: FileHandle;
  base: string;
  /** The file's name in it. */
  name: string;
}

/** Excludes other provision runs until it is released. Also released when this process exits normally. */
export type ProvisionLock = Awaited<ReturnType<typeof acquireProvisionLock>>;

const holderSchema = z.object({ pid: z.int().positive(), host: z.string(), started: z.string() });

/** Timeout for a lock file without content (ms): until then another machine may still be writing it. */
const WRITE_GRACE_MS = 10_000;

/** Age after which a temporary file counts as left behind by an interrupted write (ms). */
const LEFTOVER_AGE_MS = MINUTE;

/** Limit of a file that provision reads: 16 MiB, hundreds of times the secrets of a large team. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

/** Linux addresses opened folders here; elsewhere the folder's path must do, right after the check. */
const OPENED_FILES = "/proc/self/fd";

const hasCode = (thrown: unknown, ...codes: string[]) => codes.includes(String(findErrorCode(thrown)));

const createFileError = (problem: string, cause?: unknown) => new GroundcrewError("bad_request", problem, { cause });

const formatMode = (mode: number) => (mode & 0o777).toString(8).padStart(4, "0");

/** The same without memory between two calls: for the runtime, during which people may move the files. */
export const provisionDisk: Disk = {
  read: (...args) => createProvisionDisk().read(...args),
  write: (...args) => createProvisionDisk().write(...args),
};

/**
 * Creates access to the local disk for one run of provision. A symbolic link is followed, so that secrets may be stored
 * on another volume. One to a missing file is refused, because that volume may not be mounted. What a path led to at
 * its first use holds for the whole run: a file or folder that another process replaces meanwhile by a link, or a
 * folder by another one, is refused and never written to.
 */
export function createProvisionDisk(): Disk {
  const pins = createPathPins();

  async function useFolder<T>(path: string, use: (folder: PinnedFolder) => Promise<T>): Promise<T | undefined> {
    const folder = await pins.openFolder(path);
    return folder && use(folder).finally(() => folder.handle.close());
  }

  return {
    read: (path, forbiddenMode = 0) => useFolder(path, (folder) => readFrom(folder, path, forbiddenMode)),
    async write(path, text, mode) {
      await mkdir((await pins.resolve(path)).folder, { recursive: true, mode: 0o700 });
      const isWritten = await useFolder(path, async (folder) => {
        await writeInto(folder, path, text, mode);
        // Syncs the folder, so that the rename survives a power failure.
        await folder.handle.sync();
        return true;
      });
      if (!isWritten) throw createReplacedError(path);
    },
  };
}

/**
 * Remembers what each path led to at its first use: the real path of its file, and the identity of the folder. Throws a
 * GroundcrewError when a path leads to another place later, because another process then replaced a part of it.
 */
function createPathPins() {
  const realPaths = new Map<string, string>();
  const folderIds = new Map<string, string>();

  async function resolvePath(path: string): Promise<{ folder: string; name: string }> {
    const real = await findRealPath(resolve(path));
    const pinned = realPaths.get(path) ?? real;
    if (real !== pinned) throw createMovedError(path, `it now leads to ${real}`);
    realPaths.set(path, pinned);
    return { folder: dirname(pinned), name: basename(pinned) };
  }

  return {
    resolve: resolvePath,
    /** Opens the folder of the file; undefined when it does not exist. */
    async openFolder(path: string): Promise<PinnedFolder | undefined> {
      const { folder, name } = await resolvePath(path);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      const handle = await open(folder, flags).catch((thrown: unknown) => {
        if (hasCode(thrown, "ENOENT") && !folderIds.has(folder)) return undefined;
        if (!hasCode(thrown, "ENOENT", "ENOTDIR", "ELOOP")) throw thrown;
        throw createMovedError(path, `${folder} is no longer a folder`);
      });
      if (!handle) return undefined;
      const { dev, ino, mode } = await handle.stat();
      const id = `${dev}:${ino}`;
      const problem =
        (folderIds.get(folder) ?? id) === id
          ? describeUnsafeMode(folder, mode)
          : createMovedError(path, `${folder} is another folder now`);
      if (problem) {
        await handle.close();
        throw problem;
      }
      folderIds.set(folder, id);
      const base = `${OPENED_FILES}/${handle.fd}`;
      return { handle, base: existsSync(base) ? base : folder, name };
    },
  };
}

/**
 * The path without symbolic links. The parts that do not exist yet are kept as they are. Throws when the file is a link
 * to a missing file.
 */
async function findRealPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) throw thrown;
    if ((await lstat(path).catch(ignoreMissing))?.isSymbolicLink())
      throw createFileError(
        `${path} is a symbolic link to a file that does not exist: create that file (for JSON with the content {}) with mode 0600, or remove the link.`,
        thrown,
      );
    return join(await findRealPath(dirname(path)), basename(path));
  }
}

function ignoreMissing(thrown: unknown): undefined {
  if (!hasCode(thrown, "ENOENT")) throw thrown;
}

const createConflict = (message: string) => new GroundcrewError("conflict", message);

function createMovedError(path: string, what: string): GroundcrewError {
  return createConflict(
    `${path} was replaced by another process while provision was running: ${what}. Nothing was written there. Find out which process did so, restore the path, and run the same command again.`,
  );
}

/** In a folder that everyone may write to, everyone may replace the files. The sticky bit, as in /tmp, prevents that. */
function describeUnsafeMode(folder: string, mode: number): GroundcrewError | undefined {
  if (!(mode & 0o002) || mode & 0o1000) return undefined;
  return createFileError(`Every user may replace files in ${folder} (mode ${formatMode(mode)}): chmod o-w ${folder}`);
}

async function readFrom({ base, name }: PinnedFolder, path: string, forbiddenMode: number) {
  // Without O_NONBLOCK a pipe in place of the file would stop provision for ever.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(base, name), flags).catch((thrown: unknown) => {
    if (hasCode(thrown, "ELOOP")) throw createReplacedError(path);
    return ignoreMissing(thrown);
  });
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    const mode = stats.mode & 0o777;
    if (!stats.isFile()) throw createFileError(`${path} is not a regular file: move it away.`);
    if (mode & forbiddenMode)
      throw createFileError(`${path} has mode ${formatMode(mode)}, wanted 0600: chmod 600 ${path}.`);
    if (stats.size > MAX_FILE_BYTES)
      throw createFileError(`${path} has ${stats.size} bytes, more than ${MAX_FILE_BYTES}: move it away.`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function createReplacedError(path: string): GroundcrewError {
  return createConflict(
    `${path} was replaced by another process while provision used it. Find out which process did so, check the file, and run the same command again.`,
  );
}

async function writeInto({ base, name }: PinnedFolder, path: string, text: string, mode: number) {
  const temporaryPath = join(base, `.${name}.${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporaryPath, "wx", mode);
    try {
      // Restores the permissions that the umask removed.
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
      await rename(temporaryPath, join(base, name));
      if (!(await isSameFile(file, join(base, name)))) throw createReplacedError(path);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    await rm(temporaryPath, { force: true });
    throw thrown;
  }
}

/** Whether the path is this opened file itself. Another process may have put its own file in place of the temporary one. */
async function isSameFile(file: FileHandle, path: string): Promise<boolean> {
  const [ours, found] = [await file.stat(), await lstat(path).catch(() => undefined)];
  return found?.dev === ours.dev && found.ino === ours.ino && found.mode === ours.mode;
}

/**
 * Acquires the lock that allows only one provision run at a time to write next to SECRETS_FILE. Takes over the lock of
 * a process of this machine that has ended. Throws a GroundcrewError when another process holds it or the folder cannot
 * be written.
 */
export async function acquireProvisionLock(path: string, { clock = Date.now } = {}) {
  const folder = dirname(path);
  const text = JSON.stringify({ pid: process.pid, host: hostname(), started: new Date(clock()).toISOString() });
  orUnwritable(() => makeFolder(folder));
  const machineLock = join(folder, `.${basename(path)}`);
  const unlock = orUnwritable(() => lockFile(machineLock));
  if (!unlock) throw createHeldError(path, readHolderFile(path)?.holder);
  try {
    const found = readHolderFile(path);
    // One of this machine has ended, because we hold its lock; another machine's counts as running.
    const isAbandoned = found?.holder
      ? found.holder.host === hostname()
      : clock() - (found?.modifiedAt ?? 0) > WRITE_GRACE_MS;
    if (found && !isAbandoned) throw createHeldError(path, found.holder);
    orUnwritable(() => {
      if (found) rmSync(path, { force: true });
      writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    });
  } catch (thrown) {
    unlock();
    throw thrown;
  }
  removeLeftovers(folder, clock());
  /** Whether the lock file is still ours: a person may have removed it and started another run. */
  const isHeld = () => readHolderFile(path)?.text === text;
  const release = () => {
    process.off("exit", release);
    if (isHeld()) for (const file of [path, machineLock]) rmSync(file, { force: true });
    unlock();
  };
  process.once("exit", release);
  return { isHeld, release };
}

/** Creates the folders one by one: Node's recursive mkdir never returns where none can be created, such as in /proc. */
function makeFolder(path: string) {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    // Another process may have created it meanwhile.
    if (!existsSync(path)) throw thrown;
  }
}

/** Throws a GroundcrewError that says what to do when the folder cannot be written. */
function orUnwritable<T>(write: () => T): T {
  try {
    return write();
  } catch (thrown) {
    throw createFileError(
      `provision cannot write to the folder of SECRETS_FILE (${getErrorMessage(thrown)}): give this user write permission, or set SECRETS_FILE to another path.`,
      thrown,
    );
  }
}

function readHolderFile(path: string) {
  try {
    const text = readFileSync(path, "utf8");
    const holder = holderSchema.safeParse(tryParseJson(text)).data;
    return { text, holder, modifiedAt: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function createHeldError(path: string, holder: z.output<typeof holderSchema> | undefined): GroundcrewError {
  const holderText = holder ? ` (process ${holder.pid} on ${holder.host}, since ${holder.started})` : "";
  return createConflict(
    `Another provision is running${holderText}; nothing was done. Wait until it has ended and run the same command again. If it is no longer running, remove ${path} first.`,
  );
}

/** Removes the temporary files of interrupted writes, because they may contain secrets. */
function removeLeftovers(folder: string, now: number) {
  const names = globSync([".*", "openclaw/.*", "openclaw/*/.*", "agents/.*", "agents/*/.*"], { cwd: folder });
  for (const name of names.filter((path) => /\.[0-9a-f]{12}$/.test(path))) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && now - stats.mtimeMs > LEFTOVER_AGE_MS) rmSync(path, { force: true });
  }
}
