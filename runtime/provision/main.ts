/** The processes of `groundcrew provision` and `groundcrew agents`: their files, their terminal and their signals. */

import { readFileSync } from "node:fs";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { wait } from "../../shared/time.ts";
import { generateSecret } from "../node/crypto.ts";
import { getProductFile, nodeFiles, readEnvironment } from "../node/files.ts";
import { createConfirmPrompt, createStatusLine, endOnSignals } from "../node/process.ts";
import { runAgents } from "./agents-command.ts";
import { acquireProvisionLock, createProvisionDisk } from "./provision-disk.ts";
import { runProvision } from "./run-provision.ts";

/** Runs one of them with the arguments of this process, and sets its exit code. */
export async function runProvisionProcess(command: "agents" | "provision"): Promise<void> {
  const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const status = createStatusLine();
  // The lock is released by its own listener for the end of the process.
  endOnSignals(status, "provision: stopped. Run the same command again: it continues where it stopped.");
  const run = command === "agents" ? runAgents : runProvision;
  process.exitCode = await run(process.argv.slice(2), {
    ...{ env: readEnvironment(), files: nodeFiles, disk: createProvisionDisk(), lock: acquireProvisionLock },
    ...{ fetch, clock: Date.now, wait, newSecret: generateSecret },
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
