import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { START_FLAGS } from "../../runtime/cli/start-command.ts";

/**
 * The environment of a person's shell, without settings of Groundcrew. Without a registry the bundled Node, an optional
 * package, is left out after 30 s, and the Node on the PATH runs the package.
 */
const { PATH = "", HOME = "" } = process.env;
const env = {
  PATH,
  HOME,
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_fetch_retries: "0",
  npm_config_fetch_timeout: "30000",
};

test("PACK-01: the package, installed in an empty folder, runs the demo and the commands, and contains no sources", {
  timeout: 180_000,
}, async () => {
  // The build that `npm test` has made, in an empty folder.
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-package-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
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

  const run = (args: string[]) => {
    // npx does not pass signals on; a terminal's Ctrl+C reaches the whole group.
    const child = spawn("npx", ["--no-install", "groundcrew", ...args], { cwd, env, detached: true });
    const signal = (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name);
    onTestFinished(() => {
      if (child.exitCode === null && child.signalCode === null) signal("SIGKILL");
    });
    const output = { text: "" };
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => {
        output.text += data;
      });
    return { signal, output, ended: once(child, "exit").then(([code]) => Number(code)) };
  };
  const version = run(["--version"]);
  expect(await version.ended).toBe(0);
  expect(version.output.text.trim()).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
  const mistyped = run(["provisoin"]);
  expect(await mistyped.ended).toBe(2);
  expect(mistyped.output.text).toMatch(/Did you mean provision\?/);
  const doctor = run(["doctor"]);
  expect(await doctor.ended).toBe(0);
  expect(doctor.output.text).toMatch(/nothing is set up/);

  const demo = run(["--port", "0"]);
  await expect.poll(() => demo.output.text, { timeout: 30_000 }).toMatch(/Open http:\/\/127\.0\.0\.1:\d+/);
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.output.text)?.[0] ?? "";
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect(await (await fetch(url)).text()).toContain("<title>");
  expect((await fetch(`${url}/assets/page.js`)).status).toBe(200);
  // A second one in the same folder ends in one sentence, and takes nothing from the first.
  const second = run(["--port", "0"]);
  expect(await second.ended).toBe(1);
  expect(second.output.text).toMatch(/A demo that is still running uses data\/demo\. Stop it/);
  expect(await (await fetch(`${url}/api/notices`)).json()).toEqual({ notices: [] });
  // A pipe gets no colours.
  expect(demo.output.text).not.toContain("\u001b[");
  demo.signal("SIGINT");
  await demo.ended;
  const isUp = () => fetch(`${url}/health`).then(Boolean, () => false);
  await expect.poll(isUp, { timeout: 15_000 }).toBe(false);
});

test("groundcrew start has the flags of npm start", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(scripts.start).toBe(`exec node ${START_FLAGS.join(" ")} dist/start.js`);
});
