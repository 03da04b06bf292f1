import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { pickSize } from "../reliability/random-source.ts";
import { startProgram } from "../support/program.ts";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

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
