import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { hasProgram } from "./has-program.ts";
import { findFreePort, startRedis, type TestRedis } from "./redis-server.ts";

/** Name of the primary in the tests' sentinels. */
const PRIMARY = "groundcrew";

/** Whether redis-sentinel is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasSentinel(): boolean {
  return hasProgram("redis-sentinel") && hasProgram("redis-server");
}

/**
 * Starts a primary with two replicas and three real sentinels, which replace a primary after two seconds without an
 * answer. A replica that gets no processor for half a second must not count as failed as well: then the other one, which
 * may lack a write, would become the primary. Resolves when both replicas are in step and known.
 */
export async function startSentinels(options: Record<string, string> = {}) {
  const servers: TestRedis[] = [];
  for (let i = 0; i < 3; i += 1) servers.push(await startRedis({ appendonly: "yes", ...options }));
  const [primary, ...replicas] = servers;
  if (!primary) throw new Error("no server");
  await Promise.all(
    replicas.map(({ port }) => ask(port, (redis) => redis.call("REPLICAOF", "127.0.0.1", primary.port))),
  );
  await waitFor(async () => {
    const text = await ask(primary.port, (redis) => redis.info("replication"));
    return (text.match(/state=online/g) ?? []).length === replicas.length;
  });
  const findPrimary = async (sentinel: number) => {
    const address = await ask(sentinel, (redis) => redis.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY));
    const found = servers.find(({ port }) => Array.isArray(address) && address[1] === String(port));
    if (!found) throw new Error(`no server is ${address}`);
    return found;
  };
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-sentinel-"));
  const children: ChildProcess[] = [];
  const ports: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    const port = await findFreePort();
    const file = join(folder, `${i}.conf`);
    const watch = [`monitor ${PRIMARY} 127.0.0.1 ${primary.port} 2`, `down-after-milliseconds ${PRIMARY} 2000`];
    const lines = [...watch, `failover-timeout ${PRIMARY} 3000`].map((line) => `sentinel ${line}`);
    writeFileSync(file, [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, ...lines, ""].join("\n"));
    children.push(spawn("redis-sentinel", [file], { stdio: "ignore" }));
    ports.push(port);
  }
  const knows = async (port: number) => {
    const [seen, others] = await ask(port, async (redis) => [
      await redis.call("SENTINEL", "REPLICAS", PRIMARY),
      await redis.call("SENTINEL", "SENTINELS", PRIMARY),
    ]);
    return Array.isArray(seen) && seen.length === 2 && Array.isArray(others) && others.length === 2;
  };
  await waitFor(async () => (await Promise.all(ports.map(knows))).every(Boolean));
  return {
    url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(",")}/${PRIMARY}/0`,
    servers,
    /** The server that the sentinels name as primary now. */
    findPrimary: () => findPrimary(ports[0] ?? 0),
    /** Waits until all sentinels name another primary than this server, and the third server follows it. */
    waitForFailover: (failed: TestRedis) =>
      waitFor(async () => {
        const named = await Promise.all(ports.map(findPrimary));
        const others = servers.filter((server) => server !== failed && server !== named[0]);
        if (named[0] === failed || named.some((one) => one !== named[0])) return false;
        return (await Promise.all(others.map((one) => follows(one, named[0])))).every(Boolean);
      }),
    /** Waits until all three servers are in step again. */
    waitForReplicas: () =>
      waitFor(async () => {
        const primary = await findPrimary(ports[0] ?? 0);
        const others = servers.filter((server) => server !== primary);
        return (await Promise.all(others.map((one) => follows(one, primary)))).every(Boolean);
      }),
    async stop() {
      for (const child of children) {
        const exited = once(child, "exit");
        if (child.kill("SIGKILL")) await exited;
      }
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a server is an up-to-date replica of another one. */
async function follows({ port }: TestRedis, primary: TestRedis | undefined): Promise<boolean> {
  const text = await ask(port, (redis) => redis.info("replication"));
  return text.includes(`master_port:${primary?.port}\r`) && text.includes("master_link_status:up");
}

async function ask<T>(port: number, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, "127.0.0.1", { retryStrategy: () => 20, maxRetriesPerRequest: 100 });
  redis.on("error", () => {});
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** Asks again and again until the answer is yes; gives up after a minute. */
async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isTrue()))
    if (performance.now() > end) throw new Error("The sentinels are not ready.");
    else await new Promise((resolve) => setTimeout(resolve, 50));
}
