/**
 * The lock that keeps two processes from writing beside the secrets at once. The operating system's lock excludes the
 * other processes of this machine and ends with its holder. A file names the holder to people and to other machines,
 * which that lock may not reach.
 */

import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { tryParseJson } from "../../shared/text.ts";
import { MINUTE } from "../../shared/time.ts";
import { lockFile } from "../stores/store-file.ts";

/** Excludes other provision runs until it is released. Also released when this process exits normally. */
export type ProvisionLock = Awaited<ReturnType<typeof acquireProvisionLock>>;

type HolderFile = NonNullable<ReturnType<typeof readHolderFile>>;

const holderSchema = z.object({ pid: z.int().positive(), host: z.string(), started: z.string() });

/** Timeout for a lock file without content (ms): until then another machine may still be writing it. */
const WRITE_GRACE_MS = 10_000;

/** Age after which a temporary file counts as left behind by an interrupted write (ms). */
const LEFTOVER_AGE_MS = MINUTE;

/**
 * Acquires the lock that allows only one provision run at a time to write next to SECRETS_FILE. Takes over the lock of
 * a process of this machine that has ended. Throws a GroundcrewError when another process holds it or the folder cannot
 * be written.
 */
export async function acquireProvisionLock(path: string, { clock = Date.now } = {}) {
  const folder = dirname(path);
  const text = JSON.stringify({ pid: process.pid, host: hostname(), started: new Date(clock()).toISOString() });
  makeFolder(folder);
  const machineLock = join(folder, `.${basename(path)}`);
  const unlock = orUnwritable(() => lockFile(machineLock));
  if (!unlock) throw createHeldError(path, readHolderFile(path)?.holder);
  try {
    const found = readHolderFile(path);
    if (found && !isAbandoned(found, clock())) throw createHeldError(path, found.holder);
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

/**
 * Creates the folders one by one: Node's recursive mkdir never returns where no folder can be created, such as in
 * /proc.
 */
function makeFolder(path: string) {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  orUnwritable(() => {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (thrown) {
      // Another process may have created it meanwhile.
      if (!existsSync(path)) throw thrown;
    }
  });
}

/** Throws a GroundcrewError that says what to do when the folder cannot be written. */
function orUnwritable<T>(write: () => T): T {
  try {
    return write();
  } catch (thrown) {
    throw new GroundcrewError(
      "bad_request",
      `provision cannot write to the folder of SECRETS_FILE (${getErrorMessage(thrown)}): give this user write permission, or set SECRETS_FILE to another path.`,
      { cause: thrown },
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

/**
 * Whether the lock's process has ended: one of this machine has, because we hold its lock. This cannot be determined
 * for another machine or container, so it counts as running.
 */
function isAbandoned({ holder, modifiedAt }: HolderFile, now: number): boolean {
  return holder ? holder.host === hostname() : now - modifiedAt > WRITE_GRACE_MS;
}

function createHeldError(path: string, holder: HolderFile["holder"]): GroundcrewError {
  const holderText = holder ? ` (process ${holder.pid} on ${holder.host}, since ${holder.started})` : "";
  return new GroundcrewError(
    "conflict",
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
