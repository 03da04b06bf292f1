// Stands in for OpenClaw from npm: its command and its gateway, of the version in the package.json beside it.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const world = process.env.OPENCLAW_STAND_IN;
const state = process.env.OPENCLAW_STATE_DIR;
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const args = process.argv.slice(2);
const command = args.join(" ");
const calls = join(world, "calls");
const caller = process.ppid;

appendFileSync(calls, `openclaw ${command.replaceAll("\n", " ")}\n`);
const count = readFileSync(calls, "utf8").split("\n").length - 1;

/** Kills the command that called this one, when a test asks for it, and nothing else. */
function killCaller(name) {
  const file = join(world, name);
  if (!existsSync(file) || readFileSync(file, "utf8") !== String(count)) return;
  rmSync(file);
  if (readFileSync(`/proc/${caller}/cmdline`, "utf8").includes("dist/cli.js")) process.kill(caller, "SIGKILL");
}

function answer(value) {
  console.log(typeof value === "string" ? value : JSON.stringify(value));
  killCaller("kill-after");
}

async function runGateway() {
  // A version refuses the state of a later one, as 2026.2 refuses that of 2026.9.
  const format = join(state, "format");
  if (existsSync(format) && readFileSync(format, "utf8") > version) throw new Error("Unrecognized key");
  writeFileSync(format, version);
  appendFileSync(join(world, "gateways"), `${process.pid}\n`);
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { message } = JSON.parse(body);
    if (message === undefined) return void response.writeHead(400).end('{"ok":false,"error":"message required"}');
    if (existsSync(join(world, `wake-fails-${version}`)))
      return void response.end('{"ok":true,"runId":"r","completion":{"status":"error"}}');
    response.end('{"ok":true,"runId":"r","completion":{"status":"ok"}}');
  });
  process.once("SIGTERM", () => process.exit(0));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(readFileSync(join(world, "port"), "utf8")), "127.0.0.1", resolve);
  });
  killCaller("kill-after");
}

killCaller("kill-before");
if (command === "--version") answer(`OpenClaw ${version} (eb377ac)`);
else if (command === "gateway run") await runGateway();
else if (args[0] === "agent") answer({ runId: "r", status: "ok" });
else if (args[0] === "skills") answer(readFileSync(join(world, "skill.json"), "utf8"));
else if (command === "config schema") answer({ properties: { channels: {}, telemetry: {} } });
else if (args[0] === "tasks") answer({ tasks: [] });
else if (command.startsWith("config set ")) {
  appendFileSync(join(state, "limits"), `${args[2]} ${args[3]}\n`);
  answer("Updated");
} else throw new Error(`unexpected: openclaw ${command}`);
