import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { START_FLAGS } from "../../runtime/cli/start-command.ts";
import { getBuiltProgram } from "../support/built-program.ts";

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

/** Packs the build that `npm test` has made, and installs the package in an empty folder. */
function installPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-package-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const archive = execFileSync("npm", pack, { env, encoding: "utf8" }).trim();
  const installed = join(folder, "installed");
  mkdirSync(installed);
  const { status, stderr } = spawnSync("npm", ["install", join(folder, archive)], { cwd: installed, env });
  // npm asks nobody to review or allow a script.
  expect([status, String(stderr)]).toEqual([0, expect.not.stringContaining("script")]);
  return installed;
}

test("PACK-01: the package, installed in an empty folder, runs the demo and the commands, and contains no sources", {
  timeout: 180_000,
}, async () => {
  const cwd = installPackage();
  const parts = readdirSync(join(cwd, "node_modules/groundcrew"));
  expect(parts.sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json", "runtime"].filter((name) => parts.includes(name)),
  );
  expect(readdirSync(join(cwd, "node_modules/groundcrew/runtime"), { recursive: true })).toEqual([
    "build",
    join("build", "prepare.js"),
  ]);

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

const STARTS = [
  ["groundcrew start --port", "cli", ["start", "--port"]],
  ["npm start -- --port", "start", ["--port"]],
] as const;

test.each(process.env["FULL"] ? STARTS : STARTS.slice(0, 1))(
  "a used port ends `%s` with one plain sentence",
  async (_, program, args) => {
    const { createServer } = await import("node:net");
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-port-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const child = spawn(process.execPath, [getBuiltProgram(program), ...args, String(port)], {
      cwd: folder,
      env: {
        ...env,
        STORE_URL: "memory:",
        PLANE_URL: "http://127.0.0.1:1",
        PLANE_API_KEY: "plane_api_of_this_test",
        PLANE_WORKSPACE: "javisi",
      },
    });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => {
      errors += data;
    });
    const [code] = await once(child, "exit");
    expect(code).toBe(1);
    expect(errors).toBe(
      `Groundcrew cannot start: Cannot listen on 127.0.0.1:${port}: the port is in use by another program. Change HOST or PORT.\n`,
    );
  },
);
