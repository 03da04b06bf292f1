import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { MINUTE } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";

/** Excludes other provision runs until it is released. Also released when this process exits normally. */
export interface ProvisionLock {
  /** Whether the lock file is still ours: a person may have removed it and started another run. */
  isHeld(): boolean;
  release(): void;
}

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  started: z.string(),
  /** Start time of the process in the kernel's ticks, because process ids are reused. */
  born: z.string().optional(),
});
type LockHolder = z.output<typeof holderSchema>;

/** Timeout for a lock file without content (ms): until then another process may still be writing it. */
const WRITE_GRACE_MS = 10_000;
/** Age after which a temporary file counts as left behind by an interrupted write (ms). */
const LEFTOVER_AGE_MS = MINUTE;

/**
 * Acquires the lock that allows only one provision run at a time to write next to SECRETS_FILE. Takes over the lock of
 * a process that has ended. Throws a GroundcrewError when another process holds it or the folder cannot be written.
 */
export async function acquireProvisionLock(
  path: string,
  { pid = process.pid, clock = Date.now } = {},
): Promise<ProvisionLock> {
  const born = readProcessStart(pid);
  const text = JSON.stringify({
    pid,
    host: hostname(),
    started: new Date(clock()).toISOString(),
    ...omitUndefined({ born: born || undefined }),
  });
  makeFolder(dirname(path));
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (createLockFile(path, text)) {
      removeLeftovers(dirname(path), clock());
      return createHeldLock(path, text);
    }
    const lockFile = readLockFile(path);
    if (lockFile && !isAbandoned(lockFile, pid, clock())) throw createHeldError(path, lockFile.holder);
    // If several processes find an abandoned lock, only the one with this second lock removes it. No other can then
    // remove its successor.
    const turnPath = `${path}.turn`;
    if (createLockFile(turnPath, "")) {
      try {
        const current = readLockFile(path);
        if (current && isAbandoned(current, pid, clock())) rmSync(path, { force: true });
      } finally {
        rmSync(turnPath, { force: true });
      }
    } else {
      const turnFile = readLockFile(turnPath);
      if (turnFile && clock() - turnFile.modifiedAt > WRITE_GRACE_MS) rmSync(turnPath, { force: true });
      await wait(20);
    }
  }
  throw createHeldError(path, undefined);
}

function createHeldLock(path: string, text: string): ProvisionLock {
  const isHeld = () => readLockFile(path)?.text === text;
  const release = () => {
    process.off("exit", release);
    if (isHeld()) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return { isHeld, release };
}

function createLockFile(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (thrown) {
    if (getErrorCode(thrown) === "EEXIST" && isFile(path)) return false;
    throw createUnwritableError(thrown);
  }
}

/**
 * Creates the folders one by one: Node's recursive mkdir never returns where no folder can be created, such as in
 * /proc.
 */
function makeFolder(path: string) {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    if (getErrorCode(thrown) !== "EEXIST") throw createUnwritableError(thrown);
  }
}

const getErrorCode = (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? thrown.code : undefined);

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;

interface LockFile {
  text: string;
  holder: LockHolder | undefined;
  modifiedAt: number;
}

function readLockFile(path: string): LockFile | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, holder: parseHolder(text), modifiedAt: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Whether the lock's process has ended. This cannot be determined for another machine or container, so it counts as
 * running.
 */
function isAbandoned({ holder, modifiedAt }: LockFile, ownPid: number, now: number): boolean {
  if (!holder) return now - modifiedAt > WRITE_GRACE_MS;
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (thrown) {
    return getErrorCode(thrown) === "ESRCH";
  }
  // Process ids are reused, in containers at every start: this one may now belong to another process, or to us.
  const born = readProcessStart(holder.pid);
  if (born === undefined || holder.born === undefined) return holder.pid === ownPid;
  return born !== holder.born;
}

/**
 * The start time of a process, known on Linux only. `ended` stands for a zombie: it has ended, but its parent has not
 * collected it.
 */
function readProcessStart(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? "ended" : fields[19];
  } catch {
    return undefined;
  }
}

function createHeldError(path: string, lockHolder: LockHolder | undefined): GroundcrewError {
  const holderText = lockHolder
    ? ` (process ${lockHolder.pid} on ${lockHolder.host}, since ${lockHolder.started})`
    : "";
  return new GroundcrewError(
    "conflict",
    `Another provision is running${holderText}; nothing was done. Wait until it has ended and run the same command again. If it is no longer running, remove ${path} first.`,
  );
}

function createUnwritableError(cause: unknown): GroundcrewError {
  return new GroundcrewError(
    "bad_request",
    `provision cannot write to the folder of SECRETS_FILE (${getErrorMessage(cause)}): give this user write permission, or set SECRETS_FILE to another path.`,
    { cause },
  );
}

/** Removes the temporary files of interrupted writes, because they may contain secrets. */
function removeLeftovers(folder: string, now: number) {
  const agents = join(folder, "agents");
  for (const subfolder of [
    folder,
    join(folder, "openclaw"),
    agents,
    ...listNames(agents).map((name) => join(agents, name)),
  ]) {
    for (const name of listNames(subfolder).filter((fileName) => /^\..+\.[0-9a-f]{12}$/.test(fileName))) {
      const path = join(subfolder, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() && now - stats.mtimeMs > LEFTOVER_AGE_MS) rmSync(path, { force: true });
    }
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
