import { spawn } from "node:child_process";
import { nodeFiles, readEnvironment } from "../node/files.ts";
import { deployWorker } from "./deploy-worker.ts";

/** Runs this project's Wrangler. What it prints for people is shown; its input and its lists are not. */
function runWrangler(args: string[], input?: string): Promise<{ code: number; output: string }> {
  const isShown = args[0] === "deploy";
  const child = spawn(process.execPath, ["node_modules/wrangler/bin/wrangler.js", ...args], {
    stdio: [input === undefined ? "inherit" : "pipe", isShown ? "inherit" : "pipe", "inherit"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

process.exitCode = await deployWorker({
  environment: readEnvironment(),
  files: nodeFiles,
  args: process.argv.slice(2),
  runWrangler,
  write: (line) => process.stdout.write(`${line}\n`),
});
