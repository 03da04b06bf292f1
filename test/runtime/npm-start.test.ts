import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pickSize } from "../reliability/random-source.ts";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { findFreePort } from "../support/redis-server.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

/** Starts `npm start` and waits until it listens. All its processes are in npm's process group. */
async function startWithNpm(env: Record<string, string>) {
  // The project in a temporary folder, so that no `.env` and no stored data of this machine are used.
  const cwd = mkdtempSync(join(tmpdir(), "groundcrew-npm-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  for (const name of ["package.json", "dist", "node_modules"]) symlinkSync(resolve(name), join(cwd, name));
  const port = await findFreePort();
  const { PATH = "", HOME = "/" } = process.env;
  const own = { PATH, HOME, ...env, PORT: String(port) };
  const npm = spawn("npm", ["start"], { cwd, env: own, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const signalGroup = (signal: NodeJS.Signals | 0) => {
    try {
      return process.kill(-(npm.pid ?? 0), signal);
    } catch {
      return false;
    }
  };
  onTestFinished(() => void signalGroup("SIGKILL"));
  const canConnect = async () => {
    const socket = createConnection(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(Boolean, () => false);
    socket.destroy();
    return isOpen;
  };
  let output = "";
  for (const stream of [npm.stdout, npm.stderr])
    stream.on("data", (data: Buffer) => {
      output += data;
    });
  // This line is logged after the signal handlers are set; the port opens a moment earlier.
  await expect.poll(() => output, { timeout: 30_000, interval: 100 }).toMatch(/"message":"listening"|Ctrl\+C/);
  expect(await canConnect()).toBe(true);
  return { npm, port, signalGroup, canConnect, exited: once(npm, "exit"), readOutput: () => output };
}

const STARTED: [what: string, env: Record<string, string>][] = [
  ["the demo, which runs the product in a process of its own,", {}],
  ["the product", RUNTIME_ENV],
];

test.each(pickSize(STARTED, STARTED.slice(0, 1)))(
  "reliability 34: SIGTERM to the npm process of npm start ends %s and frees its port within 10 s",
  async (_what, env) => {
    const { npm, signalGroup, canConnect, exited } = await startWithNpm(env);
    npm.kill("SIGTERM");
    const isGone = async () => !signalGroup(0) && !(await canConnect());
    await expect.poll(isGone, { timeout: 10_000, interval: 100 }).toBe(true);
    expect(await exited).toEqual([0, null]);
  },
);

test("Ctrl+C, which npm and the product receive and npm forwards, lets the product finish its work", async () => {
  const { port, signalGroup, canConnect, exited, readOutput } = await startWithNpm(RUNTIME_ENV);
  const { socket, ended } = await openConnection(`http://127.0.0.1:${port}`);
  socket.write(formatWebhookHead({ "content-length": "2" }));
  // The product waits for the rest of this request, so it is still stopping when npm forwards the signal.
  signalGroup("SIGINT");
  await expect.poll(readOutput).toContain('"message":"stopping"');
  await expect.poll(canConnect).toBe(false);
  socket.write("{}");
  await ended;
  expect(await exited).toEqual([0, null]);
  expect(readOutput()).toMatch(/"message":"stopped"[^\n]*\n$/);
});
