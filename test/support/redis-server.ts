import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { hasProgram } from "./has-program.ts";

const SERVER = "redis-server";

export type TestRedis = Awaited<ReturnType<typeof startRedis>>;

/** Whether redis-server is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasRedisServer(): boolean {
  return hasProgram(SERVER);
}

/**
 * Starts a redis-server on a free port of 127.0.0.1; `options` are lines of redis.conf, as name and value. `password` is
 * for the probe that waits until it answers, where one is required.
 */
export async function startRedis(options: Record<string, string> = {}, password?: string) {
  const port = await findFreePort();
  const dir = mkdtempSync(join(tmpdir(), "groundcrew-redis-"));
  const settings = { port: String(port), bind: "127.0.0.1", dir, save: "", ...options };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  let child: ChildProcess | undefined;

  /** Starts it, also again on the same port and folder; resolves when it answers. */
  async function start() {
    const started = spawn(SERVER, flags, { stdio: "ignore" });
    child = started;
    await once(started, "spawn");
    const probe = new Redis(port, "127.0.0.1", {
      lazyConnect: true,
      retryStrategy: () => 10,
      ...omitUndefined({ password: password || undefined }),
    });
    probe.on("error", () => {});
    try {
      await new Promise<void>((resolve, reject) => {
        probe.once("ready", () => resolve());
        started.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
        probe.connect().catch(() => {});
      });
    } finally {
      probe.disconnect();
    }
  }

  /** `kill -9`; resolves when the process has ended. */
  async function kill() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    /** SIGSTOP: connections stay open and nothing answers. */
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async stop() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Finds a port of 127.0.0.1 that is free at this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}
