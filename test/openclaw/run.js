// `npm run test:openclaw`: the installed OpenClaw 2026.9 with the profile that provision writes, and a fake model.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

const program = process.env.OPENCLAW_BIN ?? "openclaw";
const folders = (process.env.PATH ?? "").split(delimiter);
const path = isAbsolute(program)
  ? [program].find(isExecutable)
  : folders.map((folder) => join(folder, program)).find(isExecutable);
if (path === undefined) {
  process.stderr.write(
    `OpenClaw was not found (${program}): nothing was tested. Run \`npm install --prefix /tmp/openclaw openclaw@2026.9.6\`, and set OPENCLAW_BIN to /tmp/openclaw/node_modules/.bin/openclaw.\n`,
  );
  process.exit(69);
}
const { status } = spawnSync("vitest", ["run", "--project", "openclaw"], {
  env: { ...process.env, TEST_OPENCLAW: path },
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
