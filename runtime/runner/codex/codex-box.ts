/**
 * Codex in a box. Its app-server answers for the session: who reaches its socket, or its memory, allows the session's
 * commands. The socket is moved out of the box before the first turn, and the program is a copy that can be executed and
 * not read, of which the kernel hides memory and files from the other processes of its user. A try in a box says whether
 * that holds on this machine, and whether Codex's own sandbox works there.
 */

import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
} from "node:fs";
import { chmod, copyFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256Hex } from "../../../shared/hashing.ts";
import { cleanLine } from "../../../shared/text.ts";
import { MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import { getProductFile, makePrivateFolder } from "../../node/files.ts";
import { describeFailure, runProgram } from "../../node/programs.ts";
import { allowNesting, type Box, type BoxCheck, listPrograms, wrapInBox } from "../box.ts";
import type { DriverContext } from "../driver.ts";

const TRY_PROGRAM = fileURLToPath(getProductFile("runtime/runner/codex/try-box.js"));

/** Timeout for a try: 30 s; on a busy machine Codex needs some seconds for each of its starts. */
const TRY_TIMEOUT_MS: Ms = 30 * SECOND;

/** Time for which a failed try counts: 1 min; a person may be repairing what is missing. */
const FAILED_MS: Ms = MINUTE;

const TODO = "Install Codex with npm, or set CODEX_BIN to the program itself, not to a script";

/** Only to be executed: a process whose program its user cannot read is closed to the user's other processes. */
const EXECUTABLE_ONLY = 0o111;

/** Creates what makes a box one for Codex; a try is remembered for as long as Codex and bubblewrap stay the same. */
export function createCodexBoxAdapter() {
  let last: { key: string; at: Ms; check: Promise<BoxCheck> } | undefined;
  return (program: string, box: Box, context: DriverContext): Promise<BoxCheck> => {
    const native = findNativeProgram(program);
    const key = `${identify(native)} ${box.version}`;
    if (last?.key === key) return last.check;
    const check = tryBox(native, box, context);
    const attempt = { key, at: context.clock(), check };
    last = attempt;
    const forget = () => {
      if (last === attempt) last = undefined;
    };
    void check.then((found) => "problem" in found && setTimeout(forget, FAILED_MS).unref(), forget);
    return check;
  };
}

async function tryBox(native: string, outer: Box, { settings, env }: DriverContext): Promise<BoxCheck> {
  const nesting = allowNesting(outer);
  if (!nesting) return { problem: "Codex's own sandbox needs user namespaces, which a box has not here" };
  const folder = join(settings.folder, "programs");
  const box = { ...nesting, placed: await hideProgram(folder, native) };
  const work = join(folder, "try");
  const readable = [...settings.repositories.values()].flatMap((one) => one.readable);
  makePrivateFolder(work);
  const own = { PATH: env["PATH"] ?? "", HOME: work, CODEX_HOME: work };
  const {
    program,
    args,
    env: boxed,
  } = wrapInBox(
    box,
    { program: process.execPath, args: [TRY_PROGRAM, native], env: own },
    {
      ...{ workFolder: work, cache: join(work, "cache"), temporary: join(work, "tmp"), network: "none" },
      ...{ writable: [], shared: [], placed: [], readable: [...readable, TRY_PROGRAM, ...listPrograms(native)] },
    },
  );
  const tried = await runProgram(program, args, { env: boxed, timeoutMs: TRY_TIMEOUT_MS });
  rmSync(work, { recursive: true, force: true });
  if (tried.status === 0) return box;
  const said = tried.stdout.trim();
  return { problem: cleanLine(said === "" ? describeFailure("a box with Codex", tried) : said, 300), todo: TODO };
}

/** Where the copy of a program appears in its place; a script is no program that could be hidden. */
async function hideProgram(folder: string, native: string): Promise<[outside: string, inside: string][]> {
  if (isScript(native)) return [];
  const copy = join(folder, `codex-${(await sha256Hex(identify(native))).slice(0, 16)}`);
  if (!existsSync(copy)) {
    makePrivateFolder(folder);
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
    const draft = `${copy}.draft`;
    await copyFile(native, draft, constants.COPYFILE_FICLONE);
    await chmod(draft, EXECUTABLE_ONLY);
    await rename(draft, copy);
  }
  return [[copy, native]];
}

/** A program as it is now: its path, and what changes with an upgrade. */
function identify(program: string): string {
  const { ino, size, mtimeMs } = statSync(program);
  return `${program} ${ino} ${size} ${mtimeMs}`;
}

/** The program itself, where npm has installed a script that starts it from a package beside its own. */
export function findNativeProgram(program: string): string {
  const real = realpathSync(program);
  if (!isScript(real)) return real;
  const publisher = dirname(dirname(dirname(real)));
  if (basename(publisher) !== "@openai") return real;
  const found = readdirSync(publisher)
    .filter((name) => name.startsWith("codex-"))
    .map((name) => join(publisher, name, "vendor"))
    .flatMap((vendor) => (existsSync(vendor) ? readdirSync(vendor).map((name) => join(vendor, name, "bin/codex")) : []))
    .find((path) => existsSync(path));
  return found ?? real;
}

function isScript(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(2);
    readSync(file, start);
    return start.toString("latin1") === "#!";
  } finally {
    closeSync(file);
  }
}
