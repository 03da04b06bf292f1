// The program of a Codex session in its window of tmux: it starts the app-server, which takes the runner's connections,
// and shows Codex's own terminal attached to it. It ends with the server. Where both are boxed, it stays outside, and
// takes the socket out of the server's box before any command runs there; the terminal's box gets it.
import { spawn } from "node:child_process";
import { existsSync, lstatSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * `terminal`: with `{thread}` for the id of the thread; `listening`: the folders in which a boxed server makes its
 * socket, and then a link to it.
 * @type {{ server: string[], terminal: string[], terminalEnv: Record<string, string>, socket: string, thread: string,
 *   log: string, listening?: { sockets: string, links: string } }}
 */
const parts = JSON.parse(process.argv[2] ?? "");
const { socket, thread: threadFile, log: logFile, listening } = parts;
const CHECK_MS = 25;
const SECOND_SIGNAL_MS = 1000;
const KILL_MS = 4000;

rmSync(socket, { force: true });
const log = openSync(logFile, "w", 0o600);
const [program = "", ...options] = parts.server;
// In a process group of its own: keys and the end of the terminal are for the terminal.
const server = spawn(program, options, { stdio: ["ignore", log, log], detached: true });
let isEnding = false;
/** @type {import("node:child_process").ChildProcess | undefined} */
let terminal;

server.on("error", (thrown) => end(127, thrown.message));
server.on("exit", (status, signal) => end(status ?? 1, signal ?? ""));
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) process.on(signal, stop);
process.stdout.write("Codex starts. Its terminal opens with the first turn.\n");
const timer = setInterval(() => {
  if (listening && !existsSync(socket)) takeSocket(listening);
  openTerminal();
}, CHECK_MS);

/**
 * Moves the socket to a folder that no box sees. Nothing of the session runs before: its first turn begins when the
 * runner connects to the socket in its new place.
 * @param {{ sockets: string, links: string }} folders
 */
function takeSocket({ sockets, links }) {
  if (readdirSync(links).length === 0) return;
  const name = readdirSync(sockets).find((entry) => lstatSync(join(sockets, entry)).isSocket());
  if (name !== undefined) renameSync(join(sockets, name), socket);
}

function openTerminal() {
  if (terminal || isEnding || !existsSync(threadFile)) return;
  const { session_id: thread } = JSON.parse(readFileSync(threadFile, "utf8"));
  const { GROUNDCREW_TOKEN: _token, ...env } = process.env;
  const [name = "", ...args] = parts.terminal.map((arg) => arg.replace("{thread}", thread));
  terminal = spawn(name, args, { stdio: "inherit", env: { ...env, ...parts.terminalEnv } });
  terminal.on("error", () => undefined);
  terminal.on("close", () => {
    if (isEnding) return;
    process.stdout.write("\nThe session goes on without its terminal. Press Enter to open it again.\n");
    process.stdin.once("data", () => {
      process.stdin.pause();
      terminal = undefined;
    });
  });
}

function stop() {
  if (isEnding) return;
  isEnding = true;
  // The first signal waits for the turn, the second one ends it.
  server.kill("SIGTERM");
  setTimeout(() => server.kill("SIGTERM"), SECOND_SIGNAL_MS);
  setTimeout(() => server.kill("SIGKILL"), KILL_MS);
}

/**
 * @param {number} status
 * @param {string} reason
 */
function end(status, reason) {
  const wasWanted = isEnding;
  isEnding = true;
  clearInterval(timer);
  terminal?.kill("SIGKILL");
  const text = readFileSync(logFile, "utf8").slice(-2000);
  if (!wasWanted) process.stdout.write(`\nCodex has ended. ${reason}\n${text}\n`);
  process.exit(wasWanted ? 0 : status);
}
