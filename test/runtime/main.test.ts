import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, symlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { pickSize } from "../reliability/random-source.ts";
import { startProgram, toCommand } from "../support/program.ts";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

const SECRETS = "secrets.json";

/** Starts the command line in an empty folder with these files and this environment only. */
function runMain(env: Record<string, string>, files: Record<string, string | object> = {}) {
  const cwd = createTestFolder("main");
  writeFiles(cwd, files);
  return { cwd, ...startProgram(toCommand("start"), { cwd, env }) };
}

const refuse = async (...given: Parameters<typeof runMain>) => {
  const { exit, out, err } = await runMain(...given).ended;
  expect([exit, out]).toEqual([78, ""]);
  return err;
};

test("The command line lists every invalid setting of the environment and of .env, which the environment overrides, and exits with 78", async () => {
  const files = { ".env": "PORT=0\nLOG_LEVEL=loud\n# a comment\n" };
  const err = await refuse({ PLANE_URL: "plane", PORT: "x", ADMIN_TOKEN: "marked token" }, files);
  expect(err).toContain("Groundcrew cannot start: 6 settings need attention.");
  for (const name of ["PLANE_URL", "PORT", "ADMIN_TOKEN", "PLANE_API_KEY", "PLANE_WORKSPACE", "LOG_LEVEL"])
    expect(err).toContain(name);
  expect(err).toContain('given:  "plane"');
  expect(err).not.toContain("marked");
});

test("reliability 33: the command line refuses short tokens, placeholders and patterns, without repeating them, and says how to make one", async () => {
  const guessable = {
    ...{ ADMIN_TOKEN: "changemechangeme", TICK_TOKEN: "aaaaaaaaaaaaaaaa", RUNNER_TOKEN: "1234567890123456" },
    ...{ AGENT_TOKEN_IMHOTEP: "your-token-here-please", TELEGRAM_WEBHOOK_SECRET: "qwertyuiopasdfghjkl" },
    ...{ PLANE_WEBHOOK_SECRET: "changeme", AGENT_TOKEN_THOT: "0123456789-mark" },
    ...{ TELEGRAM_BOT_TOKEN: "123456:ABC-def_0123456789", TELEGRAM_CHAT_ID: "42" },
  };
  const err = await refuse({ ...RUNTIME_ENV, ...guessable });
  for (const [name, value] of Object.entries(guessable).slice(0, 7)) {
    const given = name === "AGENT_TOKEN_THOT" ? "a value of 15 characters" : "a placeholder or a pattern, .*";
    const wanted = name === "PLANE_WEBHOOK_SECRET" ? "the secret Plane shows" : "openssl rand -hex 32";
    expect(err).toMatch(new RegExp(`  ${name}\n    given:  ${given}\n    wanted: .*${wanted}`));
    expect(err).not.toContain(value);
  }
  const { ADMIN_TOKEN, ...env } = RUNTIME_ENV;
  const files = { [SECRETS]: { ADMIN_TOKEN: [ADMIN_TOKEN, "7341"] } };
  const inFile = /ADMIN_TOKEN\n {4}given: {2}a value of \d+ and 4 characters\n {4}wanted: 16 or more/;
  expect(await refuse({ ...env, SECRETS_FILE: SECRETS }, files)).toMatch(inFile);
});

test("The command line takes nothing from a restored connection.env that provision does not write there", async () => {
  const { PLANE_WORKSPACE, ...env } = RUNTIME_ENV;
  const lines = [
    ...[`PLANE_WORKSPACE=${PLANE_WORKSPACE}`, "LOCALE=fr", "NODE_OPTIONS=--require=./injected.cjs"],
    ...["LD_PRELOAD=/marked/library.so", "PATH=/marked/programs", "ADMIN_TOKEN=marked-token-of-the-attacker"],
    "$(touch injected)",
  ];
  const injected = "require('node:fs').writeFileSync('injected', '');";
  const files = { "injected.cjs": injected, "connection.env": lines.join("\n") };
  const { cwd, signal, ended, output } = runMain({ ...env, SECRETS_FILE: SECRETS }, files);
  await expect.poll(() => output.out).toContain('"message":"listening"');
  signal("SIGTERM");
  const { exit, out } = await ended;
  expect(exit).toBe(0);
  const warnings = out.split("\n").filter((line) => line.includes("connection.env"));
  const ignored = "Ignored: NODE_OPTIONS, LD_PRELOAD, PATH, ADMIN_TOKEN, the text in line 7";
  expect(warnings).toEqual([expect.stringContaining(ignored)]);
  expect(out).not.toContain("marked");
  expect(existsSync(join(cwd, "injected"))).toBe(false);
});

test("The command line logs its warnings and its URL as JSON lines, reloads SECRETS_FILE, keeps its store from others, and exits with 0 on SIGTERM", async () => {
  const { ADMIN_TOKEN, ...rest } = RUNTIME_ENV;
  const env = { ...rest, SECRETS_FILE: SECRETS, STORE_URL: "file:./kept" };
  const { cwd, signal, ended, output } = runMain(env, { [SECRETS]: { ADMIN_TOKEN } });
  await expect.poll(() => output.out).toContain('"message":"listening"');
  const url = /"url":"([^"]+)"/.exec(output.out)?.[1] ?? "";
  const second = await startProgram(toCommand("start"), { cwd, env }).ended;
  expect([second.exit, second.out]).toEqual([1, expect.stringContaining('"message":"cannot start"')]);
  const token = "another-admin-token-of-these-tests";
  writeFiles(cwd, { [SECRETS]: { ADMIN_TOKEN: token } });
  const readStatus = async () =>
    (await fetch(`${url}/dead-letters`, { headers: { authorization: `Bearer ${token}` } })).status;
  await expect.poll(readStatus).toBe(200);
  signal("SIGTERM");
  const { exit, out, err } = await ended;
  expect([exit, err]).toEqual([0, ""]);
  const lines: unknown[] = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const warning = { level: "warn", warning: expect.stringContaining("TELEGRAM") };
  expect(lines).toContainEqual(expect.objectContaining(warning));
  expect(lines.at(-1)).toMatchObject({ message: "stopped" });
  for (const secret of [RUNTIME_ENV.PLANE_API_KEY, token]) expect(out).not.toContain(secret);
});

/** A `node:module` without exports, because that of an old Node has no `enableCompileCache` either. */
const OLD_MODULE = `data:text/javascript,import { registerHooks } from "node:module";
registerHooks({ resolve: (name, about, next) =>
  name === "node:module" ? { url: "data:text/javascript,", shortCircuit: true } : next(name, about) });`;

/** A Node that says that it is an old one. */
const OLD_VERSION = `data:text/javascript,Object.defineProperty(process, "versions", {
  value: { ...process.versions, node: "22.17.1" } });`;

test.each([
  ["start.js", " On Linux `npm ci` installs Node 24: start with `npm start`."],
  ["cli.js", ""],
])("%s prints the required version on an unsupported Node and exits with 1", (command, hint) => {
  const flags = ["--import", OLD_MODULE, "--import", OLD_VERSION, resolve("runtime", command)];
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { env: {}, encoding: "utf8" });
  const sentence = `Groundcrew needs Node 22.18 or newer; this is ${process.version}.${hint}\n`;
  expect([status, stdout, stderr]).toEqual([1, "", sentence]);
});

/** Starts `npm start` and waits until it listens. All its processes are in npm's process group. */
async function startWithNpm(env: Record<string, string>) {
  // The project in a temporary folder, so that no `.env` and no stored data of this machine are used.
  const cwd = createTestFolder("npm");
  for (const name of ["package.json", "dist", "node_modules"]) symlinkSync(resolve(name), join(cwd, name));
  const port = await findFreePort();
  const own = { HOME: process.env["HOME"] ?? "/", ...env, PORT: String(port) };
  const npm = startProgram(["npm", "start"], { cwd, env: own, isGroup: true });
  const canConnect = async () => {
    const socket = createConnection(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(Boolean, () => false);
    socket.destroy();
    return isOpen;
  };
  // This line is logged after the signal handlers are set; the port opens a moment earlier.
  await expect.poll(npm.readAll, { timeout: 30_000, interval: 100 }).toMatch(/"message":"listening"|Ctrl\+C/);
  expect(await canConnect()).toBe(true);
  return { ...npm, port, canConnect };
}

const STARTED: [what: string, env: Record<string, string>][] = [
  ["the demo, which runs the product in a process of its own,", {}],
  ["the product", RUNTIME_ENV],
];

test.each(pickSize(STARTED, STARTED.slice(0, 1)))(
  "reliability 34: SIGTERM to the npm process of npm start ends %s and frees its port within 10 s",
  async (_what, env) => {
    const { child, signal, canConnect, exited } = await startWithNpm(env);
    child.kill("SIGTERM");
    const isGone = async () => !signal(0) && !(await canConnect());
    await expect.poll(isGone, { timeout: 10_000, interval: 100 }).toBe(true);
    expect(await exited).toEqual([0, null]);
  },
);

test("Ctrl+C, which npm and the product receive and npm forwards, lets the product finish its work", async () => {
  const { port, signal, canConnect, exited, readAll } = await startWithNpm(RUNTIME_ENV);
  const { socket, ended } = await openConnection(`http://127.0.0.1:${port}`);
  socket.write(formatWebhookHead({ "content-length": "2" }));
  // The product waits for the rest of this request, so it is still stopping when npm forwards the signal.
  signal("SIGINT");
  await expect.poll(readAll).toContain('"message":"stopping"');
  await expect.poll(canConnect).toBe(false);
  socket.write("{}");
  await ended;
  expect(await exited).toEqual([0, null]);
  expect(readAll()).toMatch(/"message":"stopped"[^\n]*\n$/);
});
