import { runCli } from "./run-cli.ts";

// What reads our output may have had enough of it.
process.stdout.on("error", () => process.exit());

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
