import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { getBuiltProgram } from "../support/built-program.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

function createFolder(files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-main-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** Starts the command line in a temporary folder with this environment only. */
function runMain(env: Record<string, string>, cwd = createFolder()) {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", getBuiltProgram("start")],
    { cwd, env, stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const output = { out: "", err: "" };
  child.stdout.on("data", (data: Buffer) => {
    output.out += data;
  });
  child.stderr.on("data", (data: Buffer) => {
    output.err += data;
  });
  const ended = once(child, "close").then(([code]) => ({ code: Number(code), ...output }));
  return { child, ended, output };
}

const refuse = async (env: Record<string, string>, cwd?: string) => {
  const { code, out, err } = await runMain(env, cwd).ended;
  expect([code, out]).toEqual([78, ""]);
  return err;
};

test("The command line lists every invalid setting of the environment and of .env, which the environment overrides, and exits with 78", async () => {
  const cwd = createFolder({ ".env": "PORT=0\nLOG_LEVEL=loud\n# a comment\n" });
  const err = await refuse({ PLANE_URL: "plane", PORT: "x", ADMIN_TOKEN: "marked token" }, cwd);
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
  const cwd = createFolder();
  writeFileSync(join(cwd, "secrets.json"), JSON.stringify({ ADMIN_TOKEN: [ADMIN_TOKEN, "7341"] }), { mode: 0o600 });
  const inFile = /ADMIN_TOKEN\n {4}given: {2}a value of \d+ and 4 characters\n {4}wanted: 16 or more/;
  expect(await refuse({ ...env, SECRETS_FILE: "secrets.json" }, cwd)).toMatch(inFile);
});

test("The command line takes nothing from a restored connection.env that provision does not write there", async () => {
  const cwd = createFolder({ "injected.cjs": "require('node:fs').writeFileSync('injected', '');" });
  const { PLANE_WORKSPACE, ...env } = RUNTIME_ENV;
  const lines = [
    ...[`PLANE_WORKSPACE=${PLANE_WORKSPACE}`, "LOCALE=fr", "NODE_OPTIONS=--require=./injected.cjs"],
    ...["LD_PRELOAD=/marked/library.so", "PATH=/marked/programs", "ADMIN_TOKEN=marked-token-of-the-attacker"],
    "$(touch injected)",
  ];
  writeFileSync(join(cwd, "connection.env"), lines.join("\n"), { mode: 0o600 });
  const { child, ended, output } = runMain({ ...env, SECRETS_FILE: "secrets.json", STORE_URL: "memory:" }, cwd);
  await expect.poll(() => output.out).toContain('"message":"listening"');
  child.kill("SIGTERM");
  const { code, out } = await ended;
  expect(code).toBe(0);
  const warnings = out.split("\n").filter((line) => line.includes("connection.env"));
  const ignored = "Ignored: NODE_OPTIONS, LD_PRELOAD, PATH, ADMIN_TOKEN, the text in line 7";
  expect(warnings).toEqual([expect.stringContaining(ignored)]);
  expect(out).not.toContain("marked");
  expect(existsSync(join(cwd, "injected"))).toBe(false);
});

test("The command line logs its warnings and its URL as JSON lines, reloads SECRETS_FILE, keeps its store from others, and exits with 0 on SIGTERM", async () => {
  const { ADMIN_TOKEN, ...rest } = RUNTIME_ENV;
  const env = { ...rest, SECRETS_FILE: "secrets.json", STORE_URL: "file:./kept" };
  const cwd = createFolder();
  const write = (token: string) =>
    writeFileSync(join(cwd, "secrets.json"), JSON.stringify({ ADMIN_TOKEN: token }), { mode: 0o600 });
  write(ADMIN_TOKEN);
  const { child, ended, output } = runMain(env, cwd);
  await expect.poll(() => output.out).toContain('"message":"listening"');
  const url = /"url":"([^"]+)"/.exec(output.out)?.[1] ?? "";
  const second = await runMain(env, cwd).ended;
  expect([second.code, second.out]).toEqual([1, expect.stringContaining('"message":"cannot start"')]);
  const token = "another-admin-token-of-these-tests";
  write(token);
  const readStatus = async () =>
    (await fetch(`${url}/dead-letters`, { headers: { authorization: `Bearer ${token}` } })).status;
  await expect.poll(readStatus).toBe(200);
  child.kill("SIGTERM");
  const { code, out, err } = await ended;
  expect([code, err]).toEqual([0, ""]);
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
