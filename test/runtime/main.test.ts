import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { getBuiltProgram } from "../support/built-program.ts";
import { hasProgram } from "../support/has-program.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

function createFolder(files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-main-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** Starts the command line in a temporary folder with this environment only. */
function runMain(
  env: Record<string, string>,
  cwd = createFolder(),
  program: Parameters<typeof getBuiltProgram>[0] = "start",
) {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", getBuiltProgram(program)],
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

test("The command line lists every invalid setting and exits with 78", async () => {
  const { code, out, err } = await runMain({ PLANE_URL: "plane", PORT: "x", ADMIN_TOKEN: "marked token" }).ended;
  expect(code).toBe(78);
  expect(out).toBe("");
  expect(err).toContain("Groundcrew cannot start: 5 settings need attention.");
  for (const name of ["PLANE_URL", "PORT", "ADMIN_TOKEN", "PLANE_API_KEY", "PLANE_WORKSPACE"])
    expect(err).toContain(name);
  expect(err).toContain('given:  "plane"');
  expect(err).not.toContain("marked");
});

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "123456:ABC-def_0123456789", TELEGRAM_CHAT_ID: "42" };

test("reliability 33: the command line refuses tokens with fewer than 16 characters, says how to make one, and exits with 78", async () => {
  const names = ["ADMIN_TOKEN", "TICK_TOKEN", "RUNNER_TOKEN", "AGENT_TOKEN_IMHOTEP", "TELEGRAM_WEBHOOK_SECRET"];
  const short = Object.fromEntries(names.map((name) => [name, "0123456789-mark"]));
  const { code, out, err } = await runMain({ ...RUNTIME_ENV, ...TELEGRAM, ...short }).ended;
  expect([code, out]).toEqual([78, ""]);
  for (const name of names)
    expect(err).toMatch(new RegExp(`  ${name}\n    given:  a value of 15 characters\n    wanted: 16 .*openssl rand`));
  expect(err).not.toContain("mark");
});

test("The command line refuses placeholders and patterns as secrets, without repeating them, and exits with 78", async () => {
  const guessable = {
    ADMIN_TOKEN: "changemechangeme",
    TICK_TOKEN: "aaaaaaaaaaaaaaaa",
    RUNNER_TOKEN: "1234567890123456",
    AGENT_TOKEN_IMHOTEP: "your-token-here-please",
    TELEGRAM_WEBHOOK_SECRET: "qwertyuiopasdfghjkl",
    PLANE_WEBHOOK_SECRET: "changeme",
  };
  const { code, out, err } = await runMain({ ...RUNTIME_ENV, ...TELEGRAM, ...guessable }).ended;
  expect([code, out]).toEqual([78, ""]);
  for (const [name, value] of Object.entries(guessable)) {
    const wanted = name === "PLANE_WEBHOOK_SECRET" ? ".*the secret Plane shows" : ".*`openssl rand -hex 32`";
    expect(err).toMatch(new RegExp(`  ${name}\n    given:  a placeholder or a pattern, .*\n    wanted: ${wanted}`));
    expect(err).not.toContain(value);
  }
});

test.each([
  ["replace-me-with-a-token", /ADMIN_TOKEN\n {4}given: {2}a placeholder or a pattern/],
  ["7341", /ADMIN_TOKEN\n {4}given: {2}a value of \d+ and 4 characters\n {4}wanted: 16 or more/],
])("The command line refuses %s in the secrets file, also beside a random token", async (token, problem) => {
  const { ADMIN_TOKEN, ...env } = RUNTIME_ENV;
  const cwd = createFolder();
  const text = JSON.stringify({ ADMIN_TOKEN: [ADMIN_TOKEN, token] });
  writeFileSync(join(cwd, "secrets.json"), text, { mode: 0o600 });
  const { code, err } = await runMain({ ...env, SECRETS_FILE: "secrets.json" }, cwd).ended;
  expect(code).toBe(78);
  expect(err).toMatch(problem);
});

test("The command line takes nothing from a restored connection.env that provision does not write there", async () => {
  const cwd = createFolder({ "injected.cjs": "require('node:fs').writeFileSync('injected', '');" });
  const { PLANE_WORKSPACE, ...env } = RUNTIME_ENV;
  const lines = [
    `PLANE_WORKSPACE=${PLANE_WORKSPACE}`,
    "LOCALE=fr",
    "NODE_OPTIONS=--require=./injected.cjs",
    "LD_PRELOAD=/marked/library.so",
    "PATH=/marked/programs",
    "ADMIN_TOKEN=marked-token-of-the-attacker",
    "$(touch injected)",
  ];
  writeFileSync(join(cwd, "connection.env"), lines.join("\n"), { mode: 0o600 });
  const { child, ended, output } = runMain({ ...env, SECRETS_FILE: "secrets.json", STORE_URL: "memory:" }, cwd);
  await expect.poll(() => output.out).toContain('"message":"listening"');
  child.kill("SIGTERM");
  const { code, out } = await ended;
  expect(code).toBe(0);
  const warnings = out.split("\n").filter((line) => line.includes("connection.env"));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("Ignored: NODE_OPTIONS, LD_PRELOAD, PATH, ADMIN_TOKEN, the text in line 7");
  expect(out).not.toContain("marked");
  expect(existsSync(join(cwd, "injected"))).toBe(false);
});

test("The command line reads .env, which the environment overrides", async () => {
  const cwd = createFolder({ ".env": "PORT=x\nLOG_LEVEL=loud\n# a comment\n" });
  const { err } = await runMain({ PORT: "0" }, cwd).ended;
  expect(err).toContain("1 setting needs attention");
  expect(err).toContain('LOG_LEVEL\n    given:  "loud"');
});

test.each(["start", "doctor", "provision"] as const)(
  "A .env that cannot be read ends groundcrew %s with one sentence and exit code 78",
  async (program) => {
    const cwd = createFolder();
    mkdirSync(join(cwd, ".env"));
    const { code, out, err } = await runMain(RUNTIME_ENV, cwd, program).ended;
    expect([code, out]).toEqual([78, ""]);
    expect(err).toMatch(/^groundcrew: \.env in .* cannot be read \(EISDIR\): make it a file .*\n$/);
  },
);

test("The command line starts, logs its warnings and its URL as JSON lines, and exits with 0 on SIGTERM", async () => {
  const { child, ended, output } = runMain({ ...RUNTIME_ENV, STORE_URL: "file:./kept" });
  await expect.poll(() => output.out).toContain('"message":"listening"');
  child.kill("SIGTERM");
  const { code, out, err } = await ended;
  expect([code, err]).toEqual([0, ""]);
  const lines = out
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "warn", warning: expect.stringContaining("TELEGRAM") }),
  );
  expect(lines.at(-1)).toMatchObject({ message: "stopped" });
  expect(out).not.toContain(RUNTIME_ENV.PLANE_API_KEY);
});

test("The command line reloads SECRETS_FILE while it runs", async () => {
  const { ADMIN_TOKEN, ...env } = RUNTIME_ENV;
  const cwd = createFolder();
  const write = (token: string) =>
    writeFileSync(join(cwd, "secrets.json"), JSON.stringify({ ADMIN_TOKEN: token }), { mode: 0o600 });
  write(ADMIN_TOKEN);
  const { output } = runMain({ ...env, SECRETS_FILE: "secrets.json" }, cwd);
  await expect.poll(() => output.out).toContain('"message":"listening"');
  const url = /"url":"([^"]+)"/.exec(output.out)?.[1] ?? "";
  write("another-admin-token-of-these-tests");
  const status = async () => {
    const headers = { authorization: "Bearer another-admin-token-of-these-tests" };
    return (await fetch(`${url}/dead-letters`, { headers })).status;
  };
  await expect.poll(status).toBe(200);
  expect(output.out).not.toContain("another-admin-token");
});

test.runIf(hasProgram("tmux"))(
  "Tickets that are added to the settings file of a running npm start have their runner at once",
  async () => {
    const cwd = createFolder({ "crew.json": "{}", claude: "#!/bin/sh\necho '2.1.330 (Claude Code)'\n" });
    chmodSync(join(cwd, "claude"), 0o755);
    const paths = { HOME: cwd, RUNNER_FOLDER: join(cwd, "runner"), CLAUDE_BIN: join(cwd, "claude") };
    const env = { ...RUNTIME_ENV, PATH: process.env["PATH"] ?? "", ...paths, GROUNDCREW_CONFIG: "crew.json" };
    const { child, ended, output } = runMain(env, cwd);
    await expect.poll(() => output.out, { timeout: 20_000 }).toContain('"message":"listening"');
    writeFileSync(join(cwd, "crew.json"), JSON.stringify({ tickets: { repositories: { ONB: cwd } } }));
    await expect.poll(() => output.out, { timeout: 20_000 }).toContain('"message":"runner started"');
    writeFileSync(join(cwd, "crew.json"), "{}");
    await expect.poll(() => output.out, { timeout: 20_000 }).toContain('"message":"runner stopped"');
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  },
);

test("The command line logs why it cannot start and exits with 1 when another process has opened the store", async () => {
  const cwd = createFolder();
  const first = runMain({ ...RUNTIME_ENV, STORE_URL: "file:./kept" }, cwd);
  await expect.poll(() => first.output.out).toContain('"message":"listening"');
  const { code, out } = await runMain({ ...RUNTIME_ENV, STORE_URL: "file:./kept" }, cwd).ended;
  expect(code).toBe(1);
  expect(out).toContain('"message":"cannot start"');
});

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
