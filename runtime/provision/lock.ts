import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { wait } from "../wait.ts";

/** What keeps others out until it is released; also released when this process ends in order. */
export interface Lock {
  release(): void;
}

const holder = z.object({
  pid: z.int().positive(),
  host: z.string(),
  started: z.string(),
  /** When the process began, in the kernel's ticks: numbers of processes come again. */
  born: z.string().optional(),
});
type Holder = z.output<typeof holder>;

/** A file without a holder is one that is just being written, for so long (ms). */
const WRITING = 10_000;
/** So old (ms) is what a write that was cut off has left. */
const LEFT = 60_000;

/**
 * One provision at a time writes beside SECRETS_FILE. The lock of a process that is no more is taken over; throws a
 * GroundcrewError when another one holds it, or when nothing can be written there.
 */
export async function takeLock(path: string, { pid = process.pid, clock = Date.now } = {}): Promise<Lock> {
  const born = bornAt(pid);
  const text = JSON.stringify({
    pid,
    host: hostname(),
    started: new Date(clock()).toISOString(),
    ...(born && { born }),
  });
  makeFolder(dirname(path));
  for (let nth = 0; nth < 100; nth += 1) {
    if (create(path, text)) {
      sweep(dirname(path), clock());
      return held(path, text);
    }
    const found = read(path);
    if (found && !isOver(found, pid, clock())) throw isHeld(path, found.holder);
    // Of several that find a dead one's lock, one removes it, and none the lock that follows.
    const turn = `${path}.turn`;
    if (create(turn, "")) {
      try {
        const now = read(path);
        if (now && isOver(now, pid, clock())) rmSync(path, { force: true });
      } finally {
        rmSync(turn, { force: true });
      }
    } else {
      const other = read(turn);
      if (other && clock() - other.at > WRITING) rmSync(turn, { force: true });
      await wait(20);
    }
  }
  throw isHeld(path, undefined);
}

function held(path: string, text: string): Lock {
  const release = () => {
    process.off("exit", release);
    // Somebody may have removed ours by hand and begun another run.
    if (read(path)?.text === text) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return { release };
}

function create(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST" && isFile(path)) return false;
    throw isClosed(thrown);
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
    if (codeOf(thrown) !== "EEXIST") throw isClosed(thrown);
  }
}

const codeOf = (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? thrown.code : undefined);

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;

interface Found {
  text: string;
  holder: Holder | undefined;
  at: number;
}

function read(path: string): Found | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, holder: parsed(text), at: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function parsed(text: string): Holder | undefined {
  try {
    return holder.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whether nobody holds it any more. Of another machine or container that cannot be known. */
function isOver({ holder: by, at }: Found, self: number, now: number): boolean {
  if (!by) return now - at > WRITING;
  if (by.host !== hostname()) return false;
  try {
    process.kill(by.pid, 0);
  } catch (thrown) {
    return codeOf(thrown) === "ESRCH";
  }
  // Numbers come again, in a container each time: this one may belong to somebody else by now, or to us.
  const born = bornAt(by.pid);
  if (born === undefined || by.born === undefined) return by.pid === self;
  return born !== by.born;
}

/** Linux alone tells; `gone` is a process that has ended and that nobody has asked about yet. */
function bornAt(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? "gone" : fields[19];
  } catch {
    return undefined;
  }
}

function isHeld(path: string, by: Holder | undefined): GroundcrewError {
  const who = by ? ` (process ${by.pid} on ${by.host}, since ${by.started})` : "";
  return new GroundcrewError(
    "conflict",
    `Another provision is at work here${who}, and nothing was done. Wait until it is over and run the same command again; if it runs no more, remove ${path} first.`,
  );
}

function isClosed(cause: unknown): GroundcrewError {
  return new GroundcrewError(
    "bad_request",
    `provision keeps its files in the folder of SECRETS_FILE and cannot write there (${messageOf(cause)}): let this user write in it, or set SECRETS_FILE to another place.`,
    { cause },
  );
}

/** Removes what writes that were cut off have left beside their files: secrets may be in it. */
function sweep(folder: string, now: number) {
  const agents = join(folder, "agents");
  for (const place of [folder, agents, ...namesIn(agents).map((name) => join(agents, name))]) {
    for (const name of namesIn(place).filter((one) => /^\..+\.[0-9a-f]{12}$/.test(one))) {
      const path = join(place, name);
      const left = statSync(path, { throwIfNoEntry: false });
      if (left?.isFile() && now - left.mtimeMs > LEFT) rmSync(path, { force: true });
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
