// Runs in a box, and says whether Codex can work there: its own sandbox starts a command, and no command can reach into
// the app-server, which answers for the session. Exits with 0, or prints what is missing.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

const codex = process.argv[2] ?? "";

const sandboxed = spawnSync(codex, ["sandbox", "--", "/bin/sh", "-c", "exit 0"], { encoding: "utf8" });
if (sandboxed.status !== 0) fail(`Codex's own sandbox does not work in a box: ${sandboxed.stderr ?? sandboxed.error}`);

const server = spawn(codex, ["app-server"], { stdio: ["pipe", "pipe", "ignore"] });
server.on("error", (thrown) => fail(`Codex does not start in a box: ${thrown.message}`));
server.stdin.on("error", () => {});
const clientInfo = { name: "groundcrew", title: "Groundcrew", version: "0" };
server.stdin.write(`${JSON.stringify({ id: 1, method: "initialize", params: { clientInfo } })}\n`);
const begun = await Promise.race([once(server.stdout, "data"), once(server, "exit").then(() => undefined)]);
if (!begun) fail("Codex's app-server does not start in a box");

// A command is no ancestor of the server, as this process is one.
for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
  const { status } = spawnSync("/bin/sh", ["-c", `: <> /proc/${pid}/mem`], { stdio: "ignore" });
  if (status === 0) fail(`commands could reach into Codex's app-server, and so allow themselves (${readName(pid)})`);
}
server.kill("SIGKILL");
process.exit(0);

/** @param {string} pid */
function readName(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return pid;
  }
}

/** @param {string} problem */
function fail(problem) {
  process.stdout.write(problem);
  process.exit(1);
}
