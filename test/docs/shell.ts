import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createStandIns } from "../compose/docker-stand-in.ts";
import { getBuiltProgram } from "../support/built-program.ts";
import { createTestFolder } from "../support/test-folder.ts";

const execute = promisify(execFile);

/** The real command `groundcrew`, from the sources. */
const GROUNDCREW = `exec ${process.execPath} ${getBuiltProgram("cli")} "$@"`;

/** A shell in an empty folder, which is also the user's home, with the real `groundcrew` and these stand-ins. */
export function createShell(programs: Record<string, string> = {}) {
  const folder = createTestFolder("shell");
  const { path, readCalls } = createStandIns(folder, { groundcrew: GROUNDCREW, ...programs });
  /** Runs a block as it is written, but for its placeholders; the first command that fails ends it. */
  const run = async (text: string, env: Record<string, string> = {}) => {
    const options = { cwd: folder, env: { PATH: path, HOME: folder, ...env } };
    return (await execute("sh", ["-euc", text.replaceAll("…", "theirs")], options)).stdout;
  };
  const write = (name: string, text: string, mode = 0o600) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text, { mode });
  };
  return { folder, run, write, readCalls };
}
