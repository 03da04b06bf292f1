/**
 * Codex in a box. Its app-server answers for the session: who reaches its socket, or its memory, allows the session's
 * commands. The socket is moved out of the box before the first turn, and the program is a copy that can be executed
 * and not read, of which the kernel hides memory and files from the other processes of its user. A try in a box says
 * whether that holds on this machine, and whether Codex's own sandbox works there. Its home has what the person has set
 * up, and threads of this ticket alone. Rules and settings are read-only there, so that a command cannot allow what
 * comes after it. Its terminal has a home of its own.
 */

import {
  closeSync,
  constants,
  existsSync,
  globSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { chmod, copyFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256Hex } from "../../../shared/hashing.ts";
import { cleanLine } from "../../../shared/text.ts";
import { MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import { getFileFingerprint, getProductFile, makePrivateFolder, writePrivateFile } from "../../node/files.ts";
import { describeFailure, runProgram } from "../../node/programs.ts";
import {
  allowNesting,
  type Box,
  type BoxCheck,
  createEmptyView,
  getNestingUser,
  listPrograms,
  toHostAndPort,
  wrapInBox,
} from "../box.ts";
import type { BoxedHome, DriverContext } from "../driver.ts";
import { getHome, type SessionPaths } from "../session-folder.ts";

const TRY_PROGRAM = fileURLToPath(getProductFile("runtime/runner/codex/try-box.js"));

/** Timeout for a try: 30 s; on a busy machine Codex needs some seconds for each of its starts. */
const TRY_TIMEOUT_MS: Ms = 30 * SECOND;

/** Time for which a failed try counts: 1 min; a person may be repairing what is missing. */
const FAILED_MS: Ms = MINUTE;

const TODO = "Install Codex with npm, or set CODEX_BIN to the program itself, not to a script";

/** Only to be executed: a process whose program its user cannot read is closed to the user's other processes. */
const EXECUTABLE_ONLY = 0o111;

const CONFIG = "config.toml";

const RULES = "rules";

/** What a person has set up for Codex, which sessions read. */
const USER_FILES = [
  ...[CONFIG, RULES, ".env", "AGENTS.md", "AGENTS.override.md"],
  ...["hooks.json", "plugins", "prompts", "skills"],
];

/** Codex writes it when it renews its log-in. */
const CREDENTIALS = "auth.json";

/** Where Codex stores its threads, which stay. */
const THREADS = "sessions";

/** Where Codex reaches its model and renews its log-in, unless its settings name another address. */
const MODEL_HOSTS = ["api.openai.com:443", "chatgpt.com:443", "auth.openai.com:443"];

/** Where the app-server listens in a box, and its terminal finds it. */
export const SOCKET_IN_BOX = "/run/groundcrew/codex.sock";

/** Creates what makes a box one for Codex; a try is remembered for as long as Codex and bubblewrap stay the same. */
export function createCodexBoxAdapter() {
  let last: { key: string; expiresAt: Ms; check: Promise<BoxCheck> } | undefined;
  return (program: string, box: Box, context: DriverContext): Promise<BoxCheck> => {
    const native = findNativeProgram(program);
    const key = `${identify(native)} ${box.version}`;
    if (last?.key === key && context.clock() < last.expiresAt) return last.check;
    const attempt = { key, expiresAt: Number.POSITIVE_INFINITY, check: tryBox(native, box, context) };
    last = attempt;
    const expire = () => {
      attempt.expiresAt = context.clock() + FAILED_MS;
    };
    void attempt.check.then((found) => "problem" in found && expire(), expire);
    return attempt.check;
  };
}

async function tryBox(native: string, outer: Box, { settings, env }: DriverContext): Promise<BoxCheck> {
  const nesting = allowNesting(outer);
  if (!nesting) return { problem: "Codex's own sandbox needs user namespaces, which a box has not here" };
  const folder = join(settings.folder, "programs");
  const box = { ...nesting, placed: await hideProgram(folder, native) };
  const work = join(folder, "try");
  const readable = [...settings.repositories.values()].flatMap(({ policy }) => policy.readable);
  makePrivateFolder(work);
  const own = { PATH: env["PATH"] ?? "", HOME: work, CODEX_HOME: work };
  const command = { program: process.execPath, args: [TRY_PROGRAM, native], env: own };
  const shown = [...readable, TRY_PROGRAM, ...listPrograms(native)];
  const boxed = wrapInBox(box, command, { ...createEmptyView(work), readable: shown });
  const tried = await runProgram(boxed.program, boxed.args, { env: boxed.env, timeoutMs: TRY_TIMEOUT_MS });
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
const identify = (program: string) => `${program} ${getFileFingerprint(program)}`;

/** The program itself, where npm has installed a script that starts it from a package beside its own. */
export function findNativeProgram(program: string): string {
  const real = realpathSync(program);
  if (!isScript(real)) return real;
  const publisher = dirname(dirname(dirname(real)));
  if (basename(publisher) !== "@openai") return real;
  const [found] = globSync("codex-*/vendor/*/bin/codex", { cwd: publisher });
  return found === undefined ? real : join(publisher, found);
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

/**
 * The folders outside of the box in which the app-server makes its socket, and then a link to it. They stay apart:
 * Codex refuses to work where a folder of its sockets can be seen at a second place.
 */
export function getListeningFolders(folder: string): { sockets: string; links: string } {
  return { sockets: join(folder, "listen", "sockets"), links: join(folder, "listen", "links") };
}

/** Creates the home for a session, anew at each launch but for its threads. */
export function createCodexHome(env: DriverContext["env"], paths: SessionPaths): BoxedHome {
  const { folder, temporary } = paths;
  const home = getHome(paths, "codex");
  const { sockets, links } = getListeningFolders(folder);
  const empty = join(folder, "empty");
  const noConfig = join(folder, "empty.toml");
  makePrivateFolder(home);
  for (const name of readdirSync(home))
    if (name !== THREADS) rmSync(join(home, name), { recursive: true, force: true });
  // What an earlier launch has left would be taken for the socket of this one.
  const place = join(temporary, `codex-daemon-${getNestingUser()}`);
  for (const path of [sockets, links, place]) rmSync(path, { recursive: true, force: true });
  for (const path of [sockets, links, empty]) makePrivateFolder(path);
  writePrivateFile(noConfig, "");
  const users = getUsersHome(env);
  const setUp = USER_FILES.filter((name) => existsSync(join(users, name)));
  return {
    folder: home,
    env: { CODEX_HOME: home },
    placed: [
      [empty, join(home, RULES)],
      [noConfig, join(home, CONFIG)],
      ...setUp.map((name) => [join(users, name), join(home, name)] as const),
    ],
    shared: [
      [join(users, CREDENTIALS), join(home, CREDENTIALS)],
      [sockets, `/tmp/codex-daemon-${getNestingUser()}`],
      [links, dirname(SOCKET_IN_BOX)],
    ],
    hosts: findModelHosts(join(users, CONFIG), env),
  };
}

/** Creates the home of its terminal, which reads the person's settings and nothing that the session writes. */
export function createTerminalHome(env: DriverContext["env"], folder: string): Pick<BoxedHome, "folder" | "placed"> {
  const home = join(folder, "terminal");
  rmSync(home, { recursive: true, force: true });
  makePrivateFolder(home);
  return { folder: home, placed: [[join(getUsersHome(env), CONFIG), join(home, CONFIG)]] };
}

function getUsersHome(env: DriverContext["env"]): string {
  return env["CODEX_HOME"] ?? join(env["HOME"] ?? homedir(), ".codex");
}

/** The addresses of the settings' providers, or else those of Codex itself. */
function findModelHosts(config: string, env: DriverContext["env"]): string[] {
  const text = existsSync(config) ? readFileSync(config, "utf8") : "";
  const named = [...text.matchAll(/^\s*\w*base_url\s*=\s*"([^"]+)"/gm)].flatMap(([, url = ""]) => toHostAndPort(url));
  const own = env["OPENAI_BASE_URL"] ? toHostAndPort(env["OPENAI_BASE_URL"]) : [];
  const hosts = [...named, ...own];
  return hosts.length > 0 ? hosts : MODEL_HOSTS;
}
