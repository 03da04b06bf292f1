/**
 * Bundles the product into dist/: its programs, with every package that they need, and the files that they read. What
 * is installed anywhere runs this build; `npm run dev` and the tests run the sources.
 *
 * JavaScript, because npm may run it with a Node that cannot read TypeScript.
 */

import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundlePrograms, ROOT } from "./bundle.js";
import { bundlePage } from "./bundle-page.js";

/** The programs of dist/, by name. */
const PROGRAMS = {
  start: "runtime/start.js",
  cli: "runtime/cli.js",
  doctor: "runtime/doctor.js",
  provision: "runtime/provision.js",
  "demo/start": "demo/start.ts",
  "demo/product-child": "demo/product-child.ts",
};

/** What people and services start themselves. */
const EXECUTABLES = ["cli.js", "doctor.js", "provision.js"];

/** The files that the programs read or start, by their path in the repository; in dist/files/ they have the same path. */
const FILES = [
  "runtime/stores/redis/redis-store.lua",
  "runtime/backup/redis-backup.lua",
  "runtime/backup/dump-database",
  "runtime/backup/restore-database",
  "runtime/backup/test-database",
  "runtime/backup/ask-database",
  "runtime/backup/send-to-restic",
  "runtime/runner/launch-session.js",
  "runtime/runner/box-network.js",
  "runtime/runner/codex/session-host.js",
  "runtime/runner/codex/try-box.js",
  "skills/plane-bridge/SKILL.md",
  "compose/versions.env",
  "node_modules/@xterm/xterm/lib/xterm.mjs",
  "node_modules/@xterm/xterm/css/xterm.css",
];

/** The names under which a package keeps its licence. */
const LICENCE_NAMES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license", "license.md", "License.md"];

/** Builds beside dist/ and replaces it as a whole, so that a product that starts meanwhile finds one complete build. */
async function build() {
  const folder = join(ROOT, `dist.${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  try {
    const modules = await bundlePrograms(PROGRAMS, folder);
    mkdirSync(join(folder, "files"), { recursive: true });
    const pageModules = await bundlePage(join(folder, "files/page"), { design: process.argv.includes("--design") });
    const packages = new Set([...modules, ...pageModules].flatMap((id) => findPackageFolder(id) ?? []));
    for (const path of FILES) copyFile(path, join(folder, "files", toBuiltPath(path)));
    for (const name of EXECUTABLES) chmodSync(join(folder, name), 0o755);
    writeFileSync(join(folder, "LICENSES.txt"), [...packages].sort().map(renderLicence).join("\n"));
    const previous = `${folder}.previous`;
    renameIfPresent(join(ROOT, "dist"), previous);
    renameSync(folder, join(ROOT, "dist"));
    rmSync(previous, { recursive: true, force: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function findPackageFolder(id) {
  return /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(id.split("?")[0] ?? "")?.[0];
}

function renderLicence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const text = LICENCE_NAMES.map((file) => readIfPresent(join(folder, file))).find((found) => found !== undefined);
  return `${name} ${version}: ${license}\n\n${text ?? ""}\n`;
}

/** npm packs no folder with the name node_modules. */
function toBuiltPath(path) {
  return path.replace(/^node_modules\//, "packages/");
}

function copyFile(path, target) {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(ROOT, path), target, { recursive: true });
}

function readIfPresent(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function renameIfPresent(from, to) {
  try {
    renameSync(from, to);
  } catch (thrown) {
    if (thrown.code !== "ENOENT") throw thrown;
  }
}

await build();
