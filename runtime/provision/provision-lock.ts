import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { MINUTE } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";

/** What keeps others out until it is released; also released when this process ends in order. */
export interface ProvisionLock {
  release(): void;
}

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  started: z.string(),
  /** When the process began, in the kernel's ticks: numbers of processes come again. */
  born: z.string().optional(),
});
type LockHolder = z.output<typeof holderSchema>;

/** A file without a holder is one that is just being written, for so long (ms). */
const WRITE_GRACE_MS = 10_000;
/** So old (ms) is what a write that was cut off has left. */
const LEFTOVER_AGE_MS = MINUTE;

/**
 * One provision at a time writes beside SECRETS_FILE. The lock of a process that is no more is taken over; throws a
 * GroundcrewError when another one holds it, or when nothing can be written there.
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
    // Of several that find a dead one's lock, one removes it, and none the lock that follows.
    const turnPath = `${path}.turn`;
    if (createLockFile(turnPath, "")) {
      try {
        const now = readLockFile(path);
        if (now && isAbandoned(now, pid, clock())) rmSync(path, { force: true });
      } finally {
        rmSync(turnPath, { force: true });
      }
    } else {
      const other = readLockFile(turnPath);
      if (other && clock() - other.at > WRITE_GRACE_MS) rmSync(turnPath, { force: true });
      await wait(20);
    }
  }
  throw createHeldError(path, undefined);
}

function createHeldLock(path: string, text: string): ProvisionLock {
  const release = () => {
    process.off("exit", release);
    // Somebody may have removed ours by hand and begun another run.
    if (readLockFile(path)?.text === text) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return { release };
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

/** One folder after the other: Node's own way of making them all never ends where none can be made, as in /proc. */
function makeFolder(path: string) {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
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
  at: number;
}

function readLockFile(path: string): LockFile | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, holder: parseHolder(text), at: statSync(path).mtimeMs };
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

/** Whether nobody holds it any more. Of another machine or container that cannot be known. */
function isAbandoned({ holder: by, at }: LockFile, self: number, now: number): boolean {
  if (!by) return now - at > WRITE_GRACE_MS;
  if (by.host !== hostname()) return false;
  try {
    process.kill(by.pid, 0);
  } catch (thrown) {
    return getErrorCode(thrown) === "ESRCH";
  }
  // Numbers come again, in a container each time: this one may belong to somebody else by now, or to us.
  const born = readProcessStart(by.pid);
  if (born === undefined || by.born === undefined) return by.pid === self;
  return born !== by.born;
}

/** Linux alone tells; `gone` is a process that has ended and that nobody has asked about yet. */
function readProcessStart(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? "gone" : fields[19];
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
    `Another provision is at work here${holderText}, and nothing was done. Wait until it is over and run the same command again; if it runs no more, remove ${path} first.`,
  );
}

function createUnwritableError(cause: unknown): GroundcrewError {
  return new GroundcrewError(
    "bad_request",
    `provision keeps its files in the folder of SECRETS_FILE and cannot write there (${getErrorMessage(cause)}): let this user write in it, or set SECRETS_FILE to another place.`,
    { cause },
  );
}

/** Removes what writes that were cut off have left beside their files: secrets may be in it. */
function removeLeftovers(folder: string, now: number) {
  const agents = join(folder, "agents");
  for (const subfolder of [folder, agents, ...listNames(agents).map((name) => join(agents, name))]) {
    for (const name of listNames(subfolder).filter((one) => /^\..+\.[0-9a-f]{12}$/.test(one))) {
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
