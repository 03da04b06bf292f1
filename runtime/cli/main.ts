import { createStatusLine, endOnSignals } from "../node/process.ts";
import { runCli } from "./run-cli.ts";

/** Commands that end in order on a signal. */
const ORDERLY = ["start", "runner"];

const [name = "start", ...rest] = process.argv.slice(2);
/** Without a command, for example with --port alone, the product is started. */
const args = name.startsWith("--port") ? ["start", name, ...rest] : [name, ...rest];

const status = createStatusLine();

// A program that reads our output, such as `head`, may close the pipe early.
process.stdout.on("error", () => process.exit());

// Whoever stops another command gets one sentence; the same command continues what this one had begun.
if (!ORDERLY.includes(args[0] ?? ""))
  endOnSignals(status, "groundcrew: stopped before the end. Run the same command again to continue.");

process.exitCode = await runCli(args, {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  out(text) {
    status.show("");
    process.stdout.write(text);
  },
  err: status.write,
  status,
});
status.show("");
