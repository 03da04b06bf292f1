import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { findFreePort } from "./redis-server.ts";
import { createTestFolder } from "./test-folder.ts";

/**
 * Starts workerd as `npm run dev:workers` does, in a process group of its own; port and storage stay across restarts.
 * @param entry of the Worker, by its path in the repository; default: the product's
 */
export async function spawnWorker(variables: Record<string, string>, entry?: string) {
  const folder = createTestFolder("worker");
  const port = await findFreePort();
  const envFile = join(folder, "variables.env");
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(envFile, lines.join("\n"));
  const output: string[] = [];
  let child: ChildProcess | undefined;
  onTestFinished(() => kill());

  /** Resolves when it listens. */
  async function start(): Promise<void> {
    const options = ["--local", "--port", String(port), "--persist-to", folder, "--env-file", envFile];
    const inspector = ["--inspector-port", String(await findFreePort())];
    const args = ["node_modules/wrangler/bin/wrangler.js", "dev", ...keepDefined([entry]), ...options, ...inspector];
    const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };
    const started = spawn(process.execPath, args, { detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
    child = started;
    const listening = Promise.withResolvers<void>();
    for (const stream of [started.stdout, started.stderr])
      createInterface(stream).on("line", (line) => {
        output.push(line);
        if (line.includes("Ready on")) listening.resolve();
      });
    started.once("exit", () => listening.reject(new Error(`ended:\n${output.slice(-20).join("\n")}`)));
    await listening.promise;
  }

  /** `kill -9` of Wrangler and workerd. */
  async function kill(): Promise<void> {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exited;
  }

  await start();
  return { url: `http://127.0.0.1:${port}`, output, start, kill };
}
