import { readFileSync } from "node:fs";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { wait } from "../../shared/time.ts";
import { generateSecret } from "../node/crypto.ts";
import { getProductFile, nodeFiles, readEnvironment } from "../node/files.ts";
import { createConfirmPrompt } from "../node/process.ts";
import { createProvisionDisk } from "./provision-disk.ts";
import { acquireProvisionLock } from "./provision-lock.ts";
import { runProvision } from "./run-provision.ts";

const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;

for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const, ["SIGHUP", 129] as const])
  process.once(signal, () => {
    process.stderr.write("provision: stopped. Run the same command again: it continues where it stopped.\n");
    // The lock is released by its own listener for the end of the process.
    process.exit(code);
  });

process.exitCode = await runProvision(process.argv.slice(2), {
  env: readEnvironment(),
  files: nodeFiles,
  disk: createProvisionDisk(),
  lock: acquireProvisionLock,
  fetch,
  clock: Date.now,
  wait,
  newSecret: generateSecret,
  skill: readFileSync(getProductFile("skills/plane-bridge/SKILL.md"), "utf8"),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  ...omitUndefined({ confirm: isTerminal ? createConfirmPrompt(process.stdin, process.stderr) : undefined }),
});
