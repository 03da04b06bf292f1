import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { findFreePort } from "../support/redis-server.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

const STOP_LIMIT_MS = 10_000;

/** Creates the project in a temporary folder, so that no `.env` and no stored data of this machine are used. */
function createProjectFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-npm-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["package.json", "dist", "node_modules"]) symlinkSync(resolve(name), join(folder, name));
  return folder;
}

/** Starts `npm start` and waits until it listens. All its processes are in npm's process group. */
async function startWithNpm(env: Record<string, string>) {
  const port = await findFreePort();
  const { PATH = "", HOME = "/" } = process.env;
  const npm = spawn("npm", ["start"], {
    cwd: createProjectFolder(),
    env: { PATH, HOME, ...env, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid = 0 } = npm;
  const signalGroup = (signal: NodeJS.Signals | 0) => {
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  };
  onTestFinished(() => void signalGroup("SIGKILL"));
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on("data", (data: Buffer) => {
      output += data;
    });
  }
  // This line is logged after the signal handlers are set; the port opens a moment earlier.
  await expect.poll(() => output, { timeout: 30_000, interval: 100 }).toMatch(/"message":"listening"|Ctrl\+C/);
  expect(await canConnect(port)).toBe(true);
  return {
    npm,
    port,
    signalGroup,
    exited: once(npm, "exit"),
    isAnyAlive: () => signalGroup(0),
    readOutput: () => output,
  };
}

function canConnect(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  return new Promise<boolean>((settle) => {
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  }).finally(() => socket.destroy());
}

const STARTED: [what: string, env: Record<string, string>][] = [
  ["the demo, which runs the product in a process of its own,", {}],
  ["the product", RUNTIME_ENV],
];

test.each(process.env["FULL"] ? STARTED : STARTED.slice(0, 1))(
  "reliability 34: SIGTERM to the npm process of npm start ends %s and frees its port",
  { timeout: 60_000 },
  async (_what, env) => {
    const { npm, port, exited, isAnyAlive } = await startWithNpm(env);
    npm.kill("SIGTERM");
    const isGone = async () => !isAnyAlive() && !(await canConnect(port));
    await expect.poll(isGone, { timeout: STOP_LIMIT_MS, interval: 100 }).toBe(true);
    expect(await exited).toEqual([0, null]);
  },
);

test("Ctrl+C, which npm and the product receive and npm forwards, lets the product finish its work", {
  timeout: 60_000,
}, async () => {
  const { port, signalGroup, exited, readOutput } = await startWithNpm(RUNTIME_ENV);
  const { socket, ended } = await openConnection(`http://127.0.0.1:${port}`);
  socket.write(formatWebhookHead({ "content-length": "2" }));
  // The product waits for the rest of this request, so it is still stopping when npm forwards the signal.
  signalGroup("SIGINT");
  await expect.poll(readOutput).toContain('"message":"stopping"');
  await expect.poll(() => canConnect(port)).toBe(false);
  socket.write("{}");
  await ended;
  expect(await exited).toEqual([0, null]);
  expect(readOutput()).toMatch(/"message":"stopped"[^\n]*\n$/);
});
