// The program of a Codex session in its window of tmux: it starts the app-server, which takes the runner's connections,
// and shows Codex's own terminal attached to it. It ends with the server.
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, rmSync } from "node:fs";

const [codex = "", socket = "", startFile = "", logFile = "", ...options] = process.argv.slice(2);
const CHECK_MS = 100;
const SECOND_SIGNAL_MS = 1000;
const KILL_MS = 4000;

rmSync(socket, { force: true });
const log = openSync(logFile, "w", 0o600);
// In a process group of its own: keys and the end of the terminal are for the terminal.
const server = spawn(codex, ["app-server", "--listen", `unix://${socket}`, ...options], {
  stdio: ["ignore", log, log],
  detached: true,
});
let isEnding = false;
/** @type {import("node:child_process").ChildProcess | undefined} */
let terminal;

server.on("error", (thrown) => end(127, thrown.message));
server.on("exit", (status, signal) => end(status ?? 1, signal ?? ""));
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) process.on(signal, stop);
process.stdout.write("Codex starts. Its terminal opens with the first turn.\n");
const timer = setInterval(openTerminal, CHECK_MS);

function openTerminal() {
  if (terminal || isEnding || !existsSync(startFile)) return;
  const { session_id: thread } = JSON.parse(readFileSync(startFile, "utf8"));
  const { GROUNDCREW_TOKEN: _token, ...env } = process.env;
  const args = ["resume", thread, "--remote", `unix://${socket}`, "--no-alt-screen"];
  terminal = spawn(codex, [...args, "-c", "check_for_update_on_startup=false"], { stdio: "inherit", env });
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
