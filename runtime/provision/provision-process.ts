/** The process of a command that provisions: its files, its terminal and its signals. */

import { readFileSync } from "node:fs";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { wait } from "../../shared/time.ts";
import { generateSecret } from "../node/crypto.ts";
import { getProductFile, nodeFiles, readEnvironment } from "../node/files.ts";
import { createConfirmPrompt, createStatusLine, endOnSignals } from "../node/process.ts";
import { createProvisionDisk } from "./provision-disk.ts";
import { acquireProvisionLock } from "./provision-lock.ts";
import type { ProvisionEnvironment } from "./run-provision.ts";

/** Runs such a command with the arguments of this process, and sets its exit code. */
export async function runProvisionProcess(
  run: (args: readonly string[], world: ProvisionEnvironment) => Promise<number>,
): Promise<void> {
  const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const status = createStatusLine();
  // The lock is released by its own listener for the end of the process.
  endOnSignals(status, "provision: stopped. Run the same command again: it continues where it stopped.");
  process.exitCode = await run(process.argv.slice(2), {
    env: readEnvironment(),
    files: nodeFiles,
    disk: createProvisionDisk(),
    lock: acquireProvisionLock,
    fetch,
    clock: Date.now,
    wait,
    newSecret: generateSecret,
    skill: readFileSync(getProductFile("skills/plane-bridge/SKILL.md"), "utf8"),
    out(text) {
      status.show("");
      process.stdout.write(text);
    },
    err: status.write,
    show: status.show,
    ...omitUndefined({ confirm: isTerminal ? createConfirmPrompt(process.stdin, process.stderr) : undefined }),
  });
  status.show("");
}
