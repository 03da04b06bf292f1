import { constants } from "node:os";
import { join } from "node:path";
import { removeInvisible } from "../../shared/clean-text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import { describeFailure, type ProgramResult, runProgram } from "./run-program.ts";
import { writePrivateFile } from "./session-folder.ts";
import { captureTerminals } from "./terminal-pictures.ts";

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
/** Limit of a screen in UTF-16 units. */
const MAX_SCREEN_LENGTH = 8_192;
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

export type Tmux = ReturnType<typeof createTmux>;

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
        ...[";", "set-option", "-t", `=${name}:`, "@groundcrew_run", String(run)],
        ...[";", "set-option", "-t", `=${name}:`, "@groundcrew_session", sessionId],
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
      const target = ["-t", `=${name}:`];
      const chunks = splitText(text).flatMap((chunk) => ["send-keys", ...target, "-l", "--", chunk, ";"]);
      await callSafely([...chunks, "set-option", ...target, "@groundcrew_typed", "1", ...mark]);
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
      return [";", "set-option", "-t", `=${name}:`, "@groundcrew_applied", applied.map(encodeURIComponent).join(",")];
    },
    /** Ends a session; its program receives SIGHUP. Without such a session nothing happens. */
    async killSession(name: string) {
      await call(["kill-session", "-t", `=${name}`]);
    },
  };
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

/** Splits a text into arguments. tmux takes a `;` at the end of an argument as the end of the command, unless escaped. */
function splitText(text: string): string[] {
  const chunks = removeInvisible(text).match(new RegExp(`.{1,${MAX_ARGUMENT_LENGTH}}`, "gsu")) ?? [];
  return chunks.map((chunk) => (chunk.endsWith(";") ? `${chunk.slice(0, -1)}\\;` : chunk));
}
