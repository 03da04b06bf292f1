// `npm run test:claude`, `npm run test:codex` and `npm run test:openclaw`: the tests that need a real program which is installed on this
// machine, against a fake model. The first argument is the name of their project.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** How each program is called, and how it is installed. */
const PROGRAMS = {
  claude: { title: "Claude Code", install: "Install it, or set CLAUDE_BIN to its path." },
  codex: {
    title: "Codex",
    install:
      "Run `npm install --prefix /tmp/cx @openai/codex@0.169.0`, and set CODEX_BIN to /tmp/cx/node_modules/.bin/codex.",
  },
  openclaw: {
    title: "OpenClaw",
    install:
      "Run `npm install --prefix /tmp/openclaw openclaw@2026.9.6`, and set OPENCLAW_BIN to /tmp/openclaw/node_modules/.bin/openclaw.",
  },
};

const [, , name = "claude"] = process.argv;
if (!(name in PROGRAMS)) throw new Error(`There is no program ${name}.`);
const { title, install } = PROGRAMS[/** @type {keyof typeof PROGRAMS} */ (name)];
const program = process.env[`${name.toUpperCase()}_BIN`] ?? name;
const folders = (process.env.PATH ?? "").split(delimiter);
const path = isAbsolute(program)
  ? [program].find(isExecutable)
  : folders.map((folder) => join(folder, program)).find(isExecutable);
if (path === undefined) {
  process.stderr.write(`${title} was not found (${program}): nothing was tested. ${install}\n`);
  process.exit(69);
}
const { status } = spawnSync("vitest", ["run", "--project", name], {
  env: { ...process.env, [`TEST_${name.toUpperCase()}`]: path },
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
