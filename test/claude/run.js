// `npm run test:claude`: the flow of a ticket with the installed Claude Code, against a fake model on this machine.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

const program = process.env.CLAUDE_BIN ?? "claude";
const folders = (process.env.PATH ?? "").split(delimiter);
const path = isAbsolute(program)
  ? [program].find(isExecutable)
  : folders.map((folder) => join(folder, program)).find(isExecutable);
if (path === undefined) {
  process.stderr.write(
    `Claude Code was not found (${program}): nothing was tested. Install it, or set CLAUDE_BIN to its path.\n`,
  );
  process.exit(69);
}
const { status } = spawnSync("vitest", ["run", "--project", "claude"], {
  env: { ...process.env, TEST_CLAUDE: path },
  stdio: "inherit",
});
process.exit(status ?? 1);

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return isAbsolute(file);
  } catch {
    return false;
  }
}
