import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { START_FLAGS } from "../../runtime/cli/start-command.ts";
import { startProgram } from "../support/program.ts";
import { createTestFolder } from "../support/test-folder.ts";

/**
 * The environment of a person's shell, without settings of Groundcrew. Without a registry the bundled Node, an optional
 * package, is left out after 30 s, and the Node on the PATH runs the package.
 */
const { PATH = "", HOME = "" } = process.env;
const env = {
  ...{ PATH, HOME },
  npm_config_prefer_offline: "true",
  ...{ npm_config_audit: "false", npm_config_fund: "false" },
  ...{ npm_config_fetch_retries: "0", npm_config_fetch_timeout: "30000" },
};

test("PACK-01: the package, installed in an empty folder, runs the demo and the commands, and contains no sources", {
  timeout: 180_000,
}, async () => {
  // The build that `npm test` has made, in an empty folder.
  const folder = createTestFolder("package");
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const archive = execFileSync("npm", pack, { env, encoding: "utf8" }).trim();
  const cwd = join(folder, "installed");
  mkdirSync(cwd);
  const { status, stderr } = spawnSync("npm", ["install", join(folder, archive)], { cwd, env });
  // npm asks nobody to review or allow a script.
  expect([status, String(stderr)]).toEqual([0, expect.not.stringContaining("script")]);
  const parts = readdirSync(join(cwd, "node_modules/groundcrew"), { recursive: true, encoding: "utf8" });
  const known =
    /^(?:CHANGELOG\.md|LICENSE|README\.md|package\.json|dist.*|runtime|runtime\/build|runtime\/build\/prepare\.js)$/;
  expect(parts.filter((part) => !known.test(part))).toEqual([]);

  // npx does not pass signals on; a terminal's Ctrl+C reaches the whole group.
  const start = (...args: string[]) =>
    startProgram(["npx", "--no-install", "groundcrew", ...args], { cwd, env, isGroup: true });
  const run = async (...args: string[]) => {
    const { exit, out, err } = await start(...args).ended;
    return [exit, (out + err).trim()];
  };
  expect(await run("--version")).toEqual([0, JSON.parse(readFileSync("package.json", "utf8")).version]);
  expect(await run("provisoin")).toEqual([2, expect.stringContaining("Did you mean provision?")]);
  expect(await run("doctor")).toEqual([0, expect.stringContaining("nothing is set up")]);

  const demo = start("--port", "0");
  await expect.poll(demo.readAll, { timeout: 30_000 }).toMatch(/Open http:\/\/127\.0\.0\.1:\d+/);
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.readAll())?.[0] ?? "";
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect(await (await fetch(url)).text()).toContain("<title>");
  expect((await fetch(`${url}/assets/page.js`)).status).toBe(200);
  // A second one in the same folder ends in one sentence, and takes nothing from the first.
  const running = "A demo that is still running uses data/demo. Stop it";
  expect(await run("--port", "0")).toEqual([1, expect.stringContaining(running)]);
  expect(await (await fetch(`${url}/api/notices`)).json()).toEqual({ notices: [] });
  // A pipe gets no colours.
  expect(demo.readAll()).not.toContain("\u001b[");
  demo.signal("SIGINT");
  await demo.ended;
  const isUp = () => fetch(`${url}/health`).then(Boolean, () => false);
  await expect.poll(isUp, { timeout: 15_000 }).toBe(false);
});

test("groundcrew start has the flags of npm start", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(scripts.start).toBe(`exec node ${START_FLAGS.join(" ")} dist/start.js`);
});
