/** tmux, in which sessions run: windows, keys, screens, and pictures of terminals. */

import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import { MAX_COLUMNS, MAX_FRAME_LENGTH, MAX_ROWS, type TerminalFrame } from "../../shared/app/terminals.ts";
import { removeInvisible } from "../../shared/text.ts";
import { MAX_SCREEN_LENGTH } from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND, wait } from "../../shared/time.ts";
import { writePrivateFile } from "../node/files.ts";
import { describeFailure, type ProgramResult, runProgram } from "../node/programs.ts";

/** The one pane of a tmux session. */
export interface Pane {
  name: string;
  isDead: boolean;
  status?: number;
  /** For example `SIGKILL`. */
  signal?: string;
  lastOutputAt: Ms;
  /** Run and session id that the session was started for; absent where somebody else has started it. */
  run?: number;
  sessionId?: string;
  /** Ids of inputs that have reached the session. */
  applied: string[];
}

/** The picture of a terminal as tmux has it. */
type TerminalPicture = Omit<TerminalFrame, "run">;

/**
 * Read by the tmux server when it starts, so before its first session: a pane whose program has ended stays, with its
 * last screen and exit status.
 */
const CONFIGURATION = `set-option -g remain-on-exit on
set-option -s exit-empty off
set-option -s escape-time 0
set-option -g destroy-unattached off
set-option -g history-limit 5000
set-option -g default-terminal tmux-256color
set-option -g status off
`;

const COLUMNS = 120;

const ROWS = 40;

/** Limit of one argument of `send-keys`: 2,000 UTF-16 units; tmux refuses commands of more than 16 KB. */
const MAX_ARGUMENT_LENGTH = 2_000;

/** Delay between a text and its Enter: 150 ms. Claude takes a line end that arrives with its text as a part of it. */
export const ENTER_DELAY_MS: Ms = 150;

const PANE_FORMAT = [
  "#{pane_dead}",
  "s#{pane_dead_status}",
  "g#{pane_dead_signal}",
  "#{window_activity}",
  "r#{@groundcrew_run}",
  "i#{@groundcrew_session}",
  "a#{@groundcrew_applied}",
  "#{session_name}",
].join(" ");

/** tmux's line about a pane whose program has ended: at the bottom, below empty lines that push the first one out. */
const DEAD_PANE_LINE = /\s*\n(Pane is dead \([^)\n]*\))$/;

const NO_SESSIONS =
  /no server running|no current target|error connecting to .*\((?:No such file or directory|Connection refused)\)/;

const HEADER_FORMAT = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag}";

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const STYLES = /\u001b\[[\d;:]*m/g;

/** A tmux server on a socket of its own. It is started with the first session and outlives the runner. */
export function createTmux({ folder, env }: { folder: string; env: Record<string, string> }) {
  const configuration = join(folder, "tmux.conf");
  writePrivateFile(configuration, CONFIGURATION);
  const common = ["-u", "-S", join(folder, "tmux.sock"), "-f", configuration];
  const call = (args: readonly string[]) => runProgram("tmux", [...common, ...args], { env });
  const callSafely = async (args: readonly string[]) => requireSuccess(await call(args), args[0] ?? "");

  return {
    /** Lists the panes of all sessions; none when there is no server. Throws when tmux gives no answer. */
    async listPanes(): Promise<Pane[]> {
      const result = await call(["list-panes", "-a", "-F", PANE_FORMAT]);
      if (result.status !== 0 && NO_SESSIONS.test(result.stderr)) return [];
      requireSuccess(result, "list-panes");
      return result.stdout.split("\n").flatMap((line) => parsePane(line) ?? []);
    },
    /** Finds the pane of a session; undefined when there is none. Throws when tmux gives no answer. */
    async findPane(name: string): Promise<Pane | undefined> {
      return (await this.listPanes()).find((pane) => pane.name === name);
    },
    /**
     * Makes the server collect the exit statuses of ended programs, as SIGCHLD does. tmux 3.3a misses about one in ten of
     * those signals for programs that end at once: the program stays a zombie, its pane dead without a status.
     */
    async collectStatuses() {
      const { stdout } = await call(["display-message", "-p", "#{pid}"]);
      const server = Number(stdout.trim());
      // Zero and negative numbers would signal groups of processes.
      if (Number.isSafeInteger(server) && server > 1) process.kill(server, "SIGCHLD");
    },
    /** Starts a session. Throws when there is one of this name: tmux itself refuses a second one. */
    async startSession(session: { name: string; run: number; sessionId: string; cwd: string; command: string[] }) {
      const { name, run, sessionId, cwd, command } = session;
      const size = ["-x", String(COLUMNS), "-y", String(ROWS)];
      await callSafely([
        ...["new-session", "-d", "-s", name, ...size, "-c", cwd, "--", ...command],
        // In one command with its start, so that no session is without its identity.
        ...[";", ...setOption(name, "run", String(run)), ";", ...setOption(name, "session", sessionId)],
      ]);
    },
    /** The last lines of the terminal as plain text; undefined when the session has gone meanwhile. */
    async captureScreen(name: string): Promise<string | undefined> {
      const result = await call(["capture-pane", "-p", "-t", `=${name}:`, "-S", "-40"]);
      if (result.status !== 0) return undefined;
      const shown = removeInvisible(result.stdout).trimEnd().replace(DEAD_PANE_LINE, "\n$1");
      const lines = shown.split("\n").slice(-ROWS);
      const text = lines.map((line) => line.trimEnd()).join("\n");
      return text.slice(-MAX_SCREEN_LENGTH).toWellFormed();
    },
    /** The pictures of these sessions, with colours; without those that have gone. Throws when tmux gives no answer. */
    async captureTerminals(names: readonly string[]) {
      return captureTerminals(async (args) => {
        const result = await call(args);
        if (result.status === undefined) throw new Error(describeFailure("tmux capture-pane", result));
        return result.stdout;
      }, names);
    },
    /** Types a text, and Enter some time later. `mark` is stored in tmux with the text, see `markArguments`. */
    async typeLine(name: string, text: string, mark: readonly string[] = []) {
      const chunks = splitText(text).flatMap((chunk) => ["send-keys", "-t", `=${name}:`, "-l", "--", chunk, ";"]);
      await callSafely([...chunks, ...setOption(name, "typed", "1"), ...mark]);
      await wait(ENTER_DELAY_MS);
      await this.pressEnter(name);
    },
    /** Presses the Enter that a typed text still waits for. */
    async pressEnter(name: string) {
      const target = ["-t", `=${name}:`];
      await callSafely(["send-keys", ...target, "Enter", ";", "set-option", "-u", ...target, "@groundcrew_typed"]);
    },
    /** Whether a text was typed without its Enter, because the runner was killed between them. */
    async isEnterMissing(name: string): Promise<boolean> {
      const result = await call(["show-options", "-qv", "-t", `=${name}:`, "@groundcrew_typed"]);
      return result.stdout.trim() === "1";
    },
    /** Presses keys: names as tmux knows them, or `-H` and bytes in hexadecimal. */
    async pressKeys(name: string, keys: readonly string[], mark: readonly string[] = []) {
      await callSafely(["send-keys", "-t", `=${name}:`, ...keys, ...mark]);
    },
    /**
     * The end of a command that stores in tmux which inputs have been sent: one list of commands is executed as a whole,
     * so an input is neither lost nor repeated when the runner is killed.
     */
    markArguments(name: string, applied: readonly string[]): string[] {
      return [";", ...setOption(name, "applied", applied.map(encodeURIComponent).join(","))];
    },
    /** Ends a session; its program receives SIGHUP. Without such a session nothing happens. */
    async killSession(name: string) {
      await call(["kill-session", "-t", `=${name}`]);
    },
  };
}

export type Tmux = ReturnType<typeof createTmux>;

/** The command that stores a value with a session. */
function setOption(name: string, option: "run" | "session" | "typed" | "applied", value: string): string[] {
  return ["set-option", "-t", `=${name}:`, `@groundcrew_${option}`, value];
}

function requireSuccess(result: ProgramResult, command: string) {
  if (result.status !== 0) throw new Error(describeFailure(`tmux ${command}`, result));
}

function parsePane(line: string): Pane | undefined {
  const [, dead, status, signal, activity, run, sessionId, applied, name = ""] =
    /^([01]) s(\d*) g(\d*) (\d+) r(\d*) i(\S*) a(\S*) (.+)$/.exec(line) ?? [];
  if (name === "") return undefined;
  return {
    name,
    isDead: dead === "1",
    ...(status ? { status: Number(status) } : {}),
    ...(signal ? { signal: getSignalName(Number(signal)) } : {}),
    lastOutputAt: Number(activity) * SECOND,
    ...(run ? { run: Number(run) } : {}),
    ...(sessionId ? { sessionId } : {}),
    applied: (applied || undefined)?.split(",").map(decodeURIComponent) ?? [],
  };
}

function getSignalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}

/**
 * Reads the pictures of these sessions with one call of tmux for all. Sessions that have gone meanwhile are left out.
 * @param call runs tmux with these arguments and returns its output until the first command that fails
 */
async function captureTerminals(
  call: (args: readonly string[]) => Promise<string>,
  names: readonly string[],
): Promise<Map<string, TerminalPicture>> {
  const pictures = new Map<string, TerminalPicture>();
  let remaining = names;
  while (remaining.length > 0) {
    // No session can know the mark of this call, so none can imitate the line that begins a picture.
    const mark = randomUUID();
    const commands = remaining.flatMap((name) => [
      ...["display-message", "-p", "-t", `=${name}:`, `${mark} ${HEADER_FORMAT}`, ";"],
      ...["capture-pane", "-e", "-p", "-N", "-t", `=${name}:`, ";"],
    ]);
    const read = parsePictures(await call(commands), mark);
    for (const [i, picture] of read.entries()) pictures.set(remaining[i] ?? "", picture);
    // tmux stops at a session that has gone; those after it are read by another call.
    remaining = remaining.slice(read.length + 1);
  }
  return pictures;
}

function parsePictures(output: string, mark: string): TerminalPicture[] {
  const header = new RegExp(`^${mark} (\\d+) (\\d+) (\\d+) (\\d+) ([01])$`);
  const lines = output.split("\n");
  const pictures: TerminalPicture[] = [];
  for (let at = 0; ; ) {
    const [found, width, height, x, y, hasCursor] = header.exec(lines[at] ?? "")?.map(Number) ?? [];
    if (found === undefined) return pictures;
    const rows = height ?? 0;
    const content = lines.slice(at + 1, at + 1 + rows);
    at += 1 + rows;
    // The last line ends with a line feed, after which comes the next header or nothing. Less is a part of a picture.
    if (rows === 0 || at >= lines.length) return pictures;
    pictures.push({
      columns: Math.min(width ?? 1, MAX_COLUMNS),
      rows: Math.min(rows, MAX_ROWS),
      screen: limitLength(content.slice(0, MAX_ROWS).join("\n").toWellFormed()),
      ...(hasCursor === 1 ? { cursor: { column: x ?? 0, row: y ?? 0 } } : {}),
    });
  }
}

/** A screen that is too long has a colour for each cell: it is sent without colours. */
function limitLength(screen: string): string {
  return screen.length <= MAX_FRAME_LENGTH ? screen : screen.replace(STYLES, "").slice(0, MAX_FRAME_LENGTH);
}

/** Splits a text into arguments. tmux takes a `;` at the end of an argument as the end of the command, unless escaped. */
function splitText(text: string): string[] {
  const chunks = removeInvisible(text).match(new RegExp(`.{1,${MAX_ARGUMENT_LENGTH}}`, "gsu")) ?? [];
  return chunks.map((chunk) => (chunk.endsWith(";") ? `${chunk.slice(0, -1)}\\;` : chunk));
}
