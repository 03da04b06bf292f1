import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/redis.ts";
import { ADMIN } from "./outside.ts";
import { pause } from "./watch.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOOK_MS = 5;
const PATIENCE_MS = 60_000;
const headers = { authorization: `Bearer ${ADMIN}` };

/** The product as people start it. */
export interface Started {
  port: number;
  /** Milliseconds from `npm start` until `/ready` answered 200. */
  readyAfter: number;
  /** Resident bytes of the product's own process. */
  memory(): number;
  /** Looks at all of Plane once; resolves when the look is over. */
  poll(): Promise<void>;
  /** How many jobs wait or are at work. */
  pending(): Promise<number>;
  stop(): Promise<void>;
}

/** Runs `npm start` with these settings and resolves when `/ready` says that store, Plane and Telegram work. */
export async function npmStart(env: Record<string, string>): Promise<Started> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH = "", HOME = "/" } = process.env;
  const began = performance.now();
  const npm = spawn("npm", ["start", "--silent"], {
    cwd: ROOT,
    env: { PATH, HOME, ...env, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  const gone = once(npm, "exit");
  const { pid = 0 } = npm;
  const end = () => {
    try {
      // Its whole group: npm, the shell, the product.
      process.kill(-pid, "SIGKILL");
    } catch {
      // All of it is gone.
    }
  };
  process.once("exit", end);
  while (!(await isReady(url))) {
    if (performance.now() - began > PATIENCE_MS || npm.exitCode !== null) {
      end();
      throw new Error(`npm start was not ready within ${PATIENCE_MS} ms`);
    }
    await pause(LOOK_MS);
  }
  const readyAfter = performance.now() - began;
  const own = deepest(pid);
  return {
    port,
    readyAfter,
    memory: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${own}/status`, "utf8"))?.[1]) * 1024,
    async poll() {
      const answer = await fetch(`${url}/ticks/poll`, { method: "POST", headers });
      if (!answer.ok) throw new Error(`the poll was answered ${answer.status}: ${await answer.text()}`);
    },
    async pending() {
      const { queues } = (await (await fetch(`${url}/health`)).json()) as {
        queues: Record<string, { pending: number }>;
      };
      return Object.values(queues).reduce((sum, queue) => sum + queue.pending, 0);
    },
    async stop() {
      // As a service manager does it: a product that is killed in a tick keeps the next one waiting for its lease.
      process.kill(own, "SIGTERM");
      await gone;
      process.off("exit", end);
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/ready`, { headers }).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.status === 200;
    },
    () => false,
  );
}

/** The last of a chain of processes that each started one: npm starts a shell, the shell the product. */
function deepest(pid: number): number {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent === pid) return deepest(Number(name));
  }
  return pid;
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}
