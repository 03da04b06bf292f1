import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createStandIns } from "../compose/docker-stand-in.ts";
import { getBuiltProgram } from "../support/built-program.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";

const execute = promisify(execFile);

/** The real command `groundcrew`, from the sources. */
const GROUNDCREW = `exec ${process.execPath} ${getBuiltProgram("cli")} "$@"`;

/** A shell in a folder, which is also the user's home, with the real `groundcrew` and these stand-ins. */
export function createShell(programs: Record<string, string> = {}, folder = createTestFolder("shell")) {
  const { path, readCalls } = createStandIns(folder, { groundcrew: GROUNDCREW, ...programs });
  /** Runs a block as it is written, but for its placeholders; the first command that fails ends it. */
  const run = async (text: string, env: Record<string, string> = {}, { cwd = folder, answers = "" } = {}) => {
    const options = { cwd, env: { PATH: path, HOME: folder, ...env } };
    const running = execute("sh", ["-euc", text.replaceAll("…", "theirs")], options);
    // A block may end before it has read all answers; how it ended is what it reports.
    running.child.stdin?.on("error", () => {}).end(answers);
    return (await running).stdout;
  };
  const write = (name: string, text: string, mode = 0o600) => writeFiles(folder, { [name]: text }, mode);
  return { folder, run, write, readCalls };
}
