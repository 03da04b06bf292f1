import { readFileSync } from "node:fs";
import { files, readEnvironment } from "../node/files.ts";
import { newSecret } from "../node/secret.ts";
import { wait } from "../wait.ts";
import { askOn } from "./ask.ts";
import { disk } from "./disk.ts";
import { takeLock } from "./lock.ts";
import { run } from "./run.ts";

const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;

for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const, ["SIGHUP", 129] as const])
  process.once(signal, () => {
    process.stderr.write("provision: stopped. Run the same command again: it goes on where it was.\n");
    // Whoever holds something lets go of it when the process ends.
    process.exit(code);
  });

process.exitCode = await run(process.argv.slice(2), {
  env: readEnvironment(),
  files,
  disk,
  lock: takeLock,
  fetch,
  clock: Date.now,
  wait,
  newSecret,
  skill: readFileSync(new URL("../../skills/plane-bridge/SKILL.md", import.meta.url), "utf8"),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  ...(isTerminal && { ask: askOn(process.stdin, process.stderr) }),
});
