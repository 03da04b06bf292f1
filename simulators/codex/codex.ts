/**
 * A stand-in for Codex (0.169.0), as recorded: `codex app-server` at a unix socket or with lines, and the terminal that
 * is attached to it. Its model does what the ticket file says, one line `do: …` after the other.
 */

import { spawnSync } from "node:child_process";
import { lstatSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { createAppServer, listen } from "./app-server.ts";

const CLOSE_DELAY_MS = 100;

const args = process.argv.slice(2);
const readValues = (name: string) => args.flatMap((arg, i) => (arg === name ? [args[i + 1] ?? ""] : []));
const config = readValues("-c");

if (args[0] === "--version") process.stdout.write(`codex-cli ${process.env["CODEX_VERSION"] ?? "0.169.0"}\n`);
else if (args[0] === "app-server") {
  const [address = "stdio://"] = readValues("--listen");
  const server = createAppServer(config);
  if (address.startsWith("unix://")) {
    listen(server, address.slice("unix://".length));
    let signals = 0;
    // The first signal waits for the turn, a second one ends it.
    process.on("SIGTERM", () => {
      signals += 1;
      if (signals > 1 || !server.isBusy()) process.exit(0);
    });
  } else {
    const client = server.connect((message) => process.stdout.write(`${JSON.stringify(message)}\n`));
    const lines = createInterface({ input: process.stdin });
    lines.on("line", client.receive);
    lines.on("close", () => setTimeout(() => process.exit(0), CLOSE_DELAY_MS));
  }
} else if (args[0] === "sandbox") {
  // It has no sandbox of its own: what it starts is as free as itself.
  const [program = "", ...rest] = args.slice(args.indexOf("--") + 1);
  process.exitCode = spawnSync(program, rest, { stdio: "inherit" }).status ?? 1;
} else if (args[0] === "resume") showTerminal(args[1] ?? "", readValues("--remote")[0] ?? "");
else {
  process.stderr.write(`error: unexpected argument '${args[0]}' found\n`);
  process.exitCode = 2;
}

/** The attached terminal: it shows what the server tells, and answers an approval by `y`, or by Escape. */
function showTerminal(threadId: string, address: string) {
  const path = address.slice("unix://".length);
  const ws = new WebSocket(`ws+unix:${lstatSync(path).isSymbolicLink() ? readlinkSync(path) : path}:/`);
  const open: (string | number)[] = [];
  const send = (message: object) => ws.send(JSON.stringify(message));
  ws.on("open", () => {
    send({ id: 1, method: "initialize", params: { clientInfo: { name: "codex-tui" } } });
    send({ id: 2, method: "thread/resume", params: { threadId } });
  });
  ws.on("message", (data) => {
    const { id, method, params } = JSON.parse(String(data));
    if (method === "item/commandExecution/requestApproval" && !open.includes(id)) {
      open.push(id);
      process.stdout.write(`  Would you like to run the following command?\n  $ ${params.command}\n`);
    } else if (method === "mcpServer/elicitation/request" && !open.includes(id)) {
      open.push(id);
      process.stdout.write(`  ${params.serverName} asks: ${params.message}\n`);
    } else if (method === "serverRequest/resolved") open.splice(open.indexOf(params.requestId), 1);
    else if (method === "item/completed" && params.item.text) process.stdout.write(`• ${params.item.text}\n`);
  });
  ws.on("close", () => process.exit(0));
  ws.on("error", () => process.exit(1));
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.on("data", (data) => {
    const [id] = open;
    if (String(data) === "\u0003") process.exit(0);
    const accepted = { decision: "accept", action: "accept", content: { answer: "typed" } };
    if (id !== undefined && String(data) === "y") send({ id, result: accepted });
    if (id !== undefined && String(data) === "\u001b") send({ id, result: { decision: "cancel" } });
  });
}
