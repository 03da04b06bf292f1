import { chmodSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { quoteForShell } from "./quote-for-shell.ts";
import { makePrivateFolder, writePrivateFile } from "./session-folder.ts";

const CLI = fileURLToPath(new URL("../cli.js", import.meta.url));

/**
 * Creates the command `groundcrew` for sessions in the runner's folder, so that they find this version of it. In a
 * session it uses the token of the run.
 */
export function installGroundcrewCommand(folder: string): void {
  const bin = join(folder, "bin");
  makePrivateFolder(bin);
  const path = join(bin, "groundcrew");
  writePrivateFile(path, `#!/bin/sh\nexec ${[process.execPath, CLI].map(quoteForShell).join(" ")} "$@"\n`);
  chmodSync(path, 0o700);
}

/** The PATH of a session: the folder of that command first. */
export function extendSearchPath(folder: string, searchPath: string | undefined): string {
  return [join(folder, "bin"), ...(searchPath ? [searchPath] : [])].join(delimiter);
}
