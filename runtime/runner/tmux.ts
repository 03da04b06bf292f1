/** tmux, in which sessions run: windows, keys, screens, and pictures of terminals. */

import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import {
  MAX_COLUMNS,
  MAX_FRAME_LENGTH,
  MAX_HISTORY_LENGTH,
  MAX_HISTORY_LINES,
  MAX_ROWS,
  type TerminalFrame,
} from "../../shared/app/terminals.ts";
import { removeInvisible } from "../../shared/text.ts";
import { MAX_SCREEN_LENGTH } from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND, wait } from "../../shared/time.ts";
import { writePrivateFile } from "../node/files.ts";
import { describeFailure, requireSuccess, runProgram } from "../node/programs.ts";
import type { SessionRecord } from "./session-folder.ts";

/** The one pane of a ticket's tmux session. */
export interface Pane {
  ticket: string;
  isDead: boolean;
  /** The process of its program. */
  pid: number;
  status?: number;
  signal?: string;
  lastOutputAt: Ms;
  /** Run and session id that the session was started for; absent where somebody else has started it. */
  run?: number;
  sessionId?: string;
  /** A text was typed without its Enter, because the runner was killed between them. */
  isEnterMissing: boolean;
  /** Ids of inputs that have reached the session. */
  applied: string[];
}

/** The picture of a terminal as tmux has it; `above`: all lines above it that are kept. */
export interface TerminalPicture extends Omit<TerminalFrame, "run" | "above" | "is_above_whole"> {
  above: string;
}

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
  ...["#{pane_dead}", "#{pane_pid}", "s#{pane_dead_status}", "g#{pane_dead_signal}", "#{window_activity}"],
  ...["r#{@groundcrew_run}", "i#{@groundcrew_session}", "t#{@groundcrew_typed}", "a#{@groundcrew_applied}"],
  "#{session_name}",
].join(" ");

/** tmux's line about a pane whose program has ended: at the bottom, below empty lines that push the first one out. */
const DEAD_PANE_LINE = /\s*\n(Pane is dead \([^)\n]*\))$/;

const NO_SESSIONS =
  /no server running|no current target|error connecting to .*\((?:No such file or directory|Connection refused)\)/;

/** Names of keys as tmux has them. */
const KEY_NAMES = /^(?:[!-~]|Enter|Escape|Up|Down|Left|Right|Tab|BTab|Space|BSpace|DC|Home|End|PPage|NPage|C-[a-z])$/;

const HEADER_FORMAT = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag} #{history_size}";

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const STYLES = /\u001b\[[\d;:]*m/g;

/**
 * A tmux server on a socket of its own. It is started with the first session and outlives the runner. A ticket has one
 * session, whose name is `prefix` and its key; sessions with other names are left alone.
 */
export function createTmux(folder: string, prefix: string, env: Record<string, string>) {
  const configuration = join(folder, "tmux.conf");
  writePrivateFile(configuration, CONFIGURATION);
  const common = ["-u", "-S", join(folder, "tmux.sock"), "-f", configuration];
  const call = (args: readonly string[]) => runProgram("tmux", [...common, ...args], { env });
  const callSafely = async (args: readonly string[]) => requireSuccess(`tmux ${args[0]}`, await call(args));
  const getName = (ticket: string) => prefix + ticket;
  const toTarget = (ticket: string) => ["-t", `=${getName(ticket)}:`];
  /** The command that stores a value with a session. */
  const setOption = (ticket: string, option: "run" | "session" | "typed" | "applied", value: string) => [
    ...["set-option", ...toTarget(ticket), `@groundcrew_${option}`, value],
  ];

  return {
    getName,
    /** Lists the panes of all tickets; none when there is no server. Throws when tmux gives no answer. */
    async listPanes(): Promise<Pane[]> {
      const result = await call(["list-panes", "-a", "-F", PANE_FORMAT]);
      if (result.status !== 0 && NO_SESSIONS.test(result.stderr)) return [];
      const lines = requireSuccess("tmux list-panes", result).split("\n");
      return lines.flatMap((line) => parsePane(line, prefix) ?? []);
    },
    /** Finds the pane of a session; undefined when there is none. Throws when tmux gives no answer. */
    async findPane(ticket: string): Promise<Pane | undefined> {
      return (await this.listPanes()).find((pane) => pane.ticket === ticket);
    },
    /**
     * Makes the server collect the exit statuses of ended programs, as SIGCHLD does. tmux 3.3a misses about one in ten
     * of those signals for programs that end at once: the program stays a zombie, its pane dead without a status.
     */
    async collectStatuses() {
      const { stdout } = await call(["display-message", "-p", "#{pid}"]);
      if (Number(stdout) > 1) process.kill(Number(stdout), "SIGCHLD");
    },
    /** Starts a session. Throws when there is one of this name: tmux itself refuses a second one. */
    async startSession({ ticket, run, session_id, worktree }: SessionRecord, command: readonly string[]) {
      const size = ["-x", String(COLUMNS), "-y", String(ROWS)];
      await callSafely([
        ...["new-session", "-d", "-s", getName(ticket), ...size, "-c", worktree, "--", ...command],
        // In one command with its start, so that no session is without its identity.
        ...[";", ...setOption(ticket, "run", String(run)), ";", ...setOption(ticket, "session", session_id)],
      ]);
    },
    /** The last lines of the terminal as plain text; undefined when the session has gone meanwhile. */
    async captureScreen(ticket: string): Promise<string | undefined> {
      const result = await call(["capture-pane", "-p", ...toTarget(ticket), "-S", "-40"]);
      if (result.status !== 0) return undefined;
      const shown = removeInvisible(result.stdout).trimEnd().replace(DEAD_PANE_LINE, "\n$1");
      const lines = shown.split("\n").slice(-ROWS);
      const text = lines.map((line) => line.trimEnd()).join("\n");
      return text.slice(-MAX_SCREEN_LENGTH).toWellFormed();
    },
    /** The pictures of these tickets, with colours, unless their session has gone. Throws when tmux gives no answer. */
    async captureTerminals(tickets: readonly string[]): Promise<Map<string, TerminalPicture>> {
      const pictures = new Map<string, TerminalPicture>();
      let remaining = tickets;
      while (remaining.length > 0) {
        // No session can know the mark of this call, so none can imitate the line that begins a picture.
        const mark = randomUUID();
        const commands = remaining.flatMap((ticket) => [
          ...["display-message", "-p", ...toTarget(ticket), `${mark} ${HEADER_FORMAT}`, ";"],
          ...["capture-pane", "-e", "-p", "-N", "-S", `-${MAX_HISTORY_LINES}`, ...toTarget(ticket), ";"],
        ]);
        const result = await call(commands);
        if (result.status === undefined) throw new Error(describeFailure("tmux capture-pane", result));
        const read = parsePictures(result.stdout, mark);
        for (const [i, picture] of read.entries()) pictures.set(remaining[i] ?? "", picture);
        // tmux stops at a session that has gone; those after it are read by another call.
        remaining = remaining.slice(read.length + 1);
      }
      return pictures;
    },
    /** Types a text, and Enter some time later. `mark` is stored in tmux with the text, see `markArguments`. */
    async typeLine(ticket: string, text: string, mark: readonly string[] = []) {
      const chunks = splitText(text).flatMap((chunk) => ["send-keys", ...toTarget(ticket), "-l", "--", chunk, ";"]);
      await this.enter(ticket, chunks, mark);
    },
    /** Pastes the text of a file, which Claude takes as a text whatever its content and length, and Enter some time later. */
    async pasteFile(ticket: string, path: string, mark: readonly string[] = []) {
      const buffer = ["-b", getName(ticket)];
      const paste = ["paste-buffer", "-p", "-r", "-d", ...buffer, ...toTarget(ticket)];
      await this.enter(ticket, ["load-buffer", ...buffer, path, ";", ...paste, ";"], mark);
    },
    /** Gives a text to the session by these commands, and Enter some time later. */
    async enter(ticket: string, commands: readonly string[], mark: readonly string[]) {
      await callSafely([...commands, ...setOption(ticket, "typed", "1"), ...mark]);
      await wait(ENTER_DELAY_MS);
      await this.pressEnter(ticket);
    },
    /** Presses the Enter that a typed text still waits for. */
    async pressEnter(ticket: string) {
      const target = toTarget(ticket);
      await callSafely(["send-keys", ...target, "Enter", ";", "set-option", "-u", ...target, "@groundcrew_typed"]);
    },
    /** Presses keys: names as tmux knows them, or `-H` and bytes in hexadecimal. */
    async pressKeys(ticket: string, keys: readonly string[], mark: readonly string[] = []) {
      await callSafely(["send-keys", ...toTarget(ticket), ...keys, ...mark]);
    },
    /**
     * The end of a command that stores in tmux which inputs have been sent: one list of commands is executed as a
     * whole, so an input is neither lost nor repeated when the runner is killed.
     */
    markArguments(ticket: string, applied: readonly string[]): string[] {
      return [";", ...setOption(ticket, "applied", applied.map(encodeURIComponent).join(","))];
    },
    /** Stores a mark in tmux without keys, for what has reached the session in another way. */
    storeMark: async (mark: readonly string[]) => void (await callSafely(mark.slice(1))),
    /** Sends a signal to the program of a session, if it has one. */
    async signalProgram(ticket: string, signal: NodeJS.Signals) {
      const pane = await this.findPane(ticket);
      // Zero and negative numbers would signal groups of processes.
      if (pane && !pane.isDead && pane.pid > 1) process.kill(pane.pid, signal);
    },
    /** Ends a session; its program receives SIGHUP. Without such a session nothing happens. */
    async killSession(ticket: string) {
      await call(["kill-session", "-t", `=${getName(ticket)}`]);
    },
  };
}

export type Tmux = ReturnType<typeof createTmux>;

function parsePane(line: string, prefix: string): Pane | undefined {
  const [, dead, pid, status, signal, activity, run, sessionId, typed, applied, name = ""] =
    /^([01]) (\d+) s(\d*) g(\d*) (\d+) r(\d*) i(\S*) t(\d*) a(\S*) (.+)$/.exec(line) ?? [];
  if (!name.startsWith(prefix) || name === "") return undefined;
  return {
    ticket: name.slice(prefix.length),
    ...{ isDead: dead === "1", pid: Number(pid) },
    ...(status ? { status: Number(status) } : {}),
    ...(signal ? { signal: getSignalName(Number(signal)) } : {}),
    lastOutputAt: Number(activity) * SECOND,
    ...(run ? { run: Number(run) } : {}),
    ...(sessionId ? { sessionId } : {}),
    isEnterMissing: typed === "1",
    applied: (applied || undefined)?.split(",").map(decodeURIComponent) ?? [],
  };
}

export function getSignalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}

/** Parses pictures, each after a line that the mark begins. One that was not written to its end is left out. */
function parsePictures(output: string, mark: string): TerminalPicture[] {
  return output
    .split(`${mark} `)
    .slice(1)
    .flatMap((part) => {
      const [header = "", ...lines] = part.split("\n");
      const [width = 1, height = 0, column = 0, row = 0, hasCursor, size = 0] = header.split(" ").map(Number);
      const begin = Math.min(size, MAX_HISTORY_LINES);
      // The last line of a picture ends with a line feed.
      if (height === 0 || lines.length <= begin + height) return [];
      const above = lines.slice(0, begin).map((line) => line.trimEnd());
      const rows = Math.min(height, MAX_ROWS);
      return {
        ...{ columns: Math.min(width, MAX_COLUMNS), rows },
        screen: limitLength(
          lines
            .slice(begin, begin + rows)
            .join("\n")
            .toWellFormed(),
        ),
        above: limitHistory(above.join("\n")),
        ...(hasCursor === 1 ? { cursor: { column, row } } : {}),
      };
    });
}

/** A history that is too long is kept without colours, and then without its oldest lines. */
function limitHistory(text: string): string {
  const plain = text.length <= MAX_HISTORY_LENGTH ? text : text.replace(STYLES, "");
  const end = plain.slice(-MAX_HISTORY_LENGTH);
  return (end.length === plain.length ? end : end.slice(end.indexOf("\n") + 1)).toWellFormed();
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

/** Names of keys, separated by spaces, stay as they are; anything else is what a terminal sends, byte by byte. */
export function toKeyArguments(text: string): string[] {
  const names = text.split(" ").filter(Boolean);
  if (names.length > 0 && names.every((key) => KEY_NAMES.test(key)))
    return names.map((key) => (key === ";" ? "\\;" : key));
  return ["-H", ...[...Buffer.from(text.toWellFormed(), "utf8")].map((byte) => byte.toString(16).padStart(2, "0"))];
}
