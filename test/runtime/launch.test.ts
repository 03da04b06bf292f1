import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

/** A `node:module` without exports, because that of an old Node has no `enableCompileCache` either. */
const OLD_MODULE = `data:text/javascript,import { registerHooks } from "node:module";
registerHooks({ resolve: (name, about, next) =>
  name === "node:module" ? { url: "data:text/javascript,", shortCircuit: true } : next(name, about) });`;

/** A Node that says that it is an old one. */
const OLD_VERSION = `data:text/javascript,Object.defineProperty(process, "versions", {
  value: { ...process.versions, node: "22.17.1" } });`;

/** Runs a command on an old Node, without this process's environment. */
function runOnOldNode(command: string): Promise<{ exit: number; out: string; err: string }> {
  const flags = ["--import", OLD_MODULE, "--import", OLD_VERSION];
  return new Promise((done) => {
    execFile(process.execPath, [...flags, resolve("runtime", command)], { env: {} }, (error, out, err) => {
      done({ exit: error ? Number(error.code ?? -1) : 0, out, err });
    });
  });
}

test.each([
  ["start.js", " On Linux `npm ci` installs Node 24: start with `npm start`."],
  ["provision.js", " On Linux `npm ci` installs Node 24: use `npm run provision`."],
  ["doctor.js", " On Linux `npm ci` installs Node 24: use `npm run doctor`."],
  ["cli.js", ""],
])("%s prints the required version on an unsupported Node and exits with 1", async (command, hint) => {
  expect(await runOnOldNode(command)).toEqual({
    exit: 1,
    out: "",
    err: `Groundcrew needs Node 22.18 or newer; this is ${process.version}.${hint}\n`,
  });
});
