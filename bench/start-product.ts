import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findFreePort } from "../test/support/redis-server.ts";
import { ADMIN_TOKEN } from "./simulators.ts";
import { sleep } from "./wait.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const READY_CHECK_MS = 5;
const START_TIMEOUT_MS = 60_000;
const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** The product in a process of its own, started as in production. */
export interface StartedProduct {
  port: number;
  /** Milliseconds from the start until `/ready` answers 200. */
  readyAfter: number;
  /** Resident memory of the product's process, in bytes. */
  memory(): number;
  /** Runs one poll of the whole workspace; resolves when it is over. */
  poll(): Promise<void>;
  /** Number of jobs that wait or run. */
  pending(): Promise<number>;
  stop(): Promise<void>;
  /** Sends SIGKILL to npm and the product; resolves when they have exited. */
  kill(): Promise<void>;
}

interface StartOptions {
  /** Default: a free port. */
  port?: number;
  /** File to which the product's log is appended. Default: the log is discarded. */
  log?: string;
}

/** Runs `npm start` with these settings and resolves when `/ready` says that store, Plane and Telegram work. */
export function startWithNpm(env: Record<string, string>, options?: StartOptions): Promise<StartedProduct> {
  return startProduct(["npm", "start", "--silent"], env, options);
}

/** Runs a command that starts the product, and resolves when `/ready` says that store, Plane and Telegram work. */
export async function startProduct(
  [program = "", ...args]: readonly string[],
  env: Record<string, string>,
  { port: givenPort, log }: StartOptions = {},
): Promise<StartedProduct> {
  const port = givenPort ?? (await findFreePort());
  const url = `http://127.0.0.1:${port}`;
  const { PATH = "", HOME = "/" } = process.env;
  const startedAt = performance.now();
  const started = spawn(program, args, {
    cwd: ROOT,
    env: { PATH, HOME, ...env, PORT: String(port) },
    stdio: ["ignore", log === undefined ? "ignore" : openSync(log, "a"), "inherit"],
    detached: true,
  });
  const exited = once(started, "exit");
  const { pid = 0 } = started;
  const killGroup = () => {
    try {
      // The whole process group: npm and the product.
      process.kill(-pid, "SIGKILL");
    } catch {
      // All processes have exited.
    }
  };
  process.once("exit", killGroup);
  while (!(await isReady(url))) {
    if (performance.now() - startedAt > START_TIMEOUT_MS || started.exitCode !== null) {
      killGroup();
      throw new Error(`${program} ended or was not ready within ${START_TIMEOUT_MS} ms.`);
    }
    await sleep(READY_CHECK_MS);
  }
  const readyAfter = performance.now() - startedAt;
  const productPid = findDeepestChild(pid);
  return {
    port,
    readyAfter,
    memory: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${productPid}/status`, "utf8"))?.[1]) * 1024,
    async poll() {
      const response = await fetch(`${url}/ticks/poll`, { method: "POST", headers });
      if (!response.ok) throw new Error(`The poll failed with ${response.status}: ${await response.text()}`);
    },
    async pending() {
      const { queues } = (await (await fetch(`${url}/health`)).json()) as {
        queues: Record<string, { pending: number }>;
      };
      return Object.values(queues).reduce((sum, queue) => sum + queue.pending, 0);
    },
    async stop() {
      // An orderly stop, as by a service manager: after a kill during a tick the next start would wait for the tick's
      // lease.
      process.kill(productPid, "SIGTERM");
      await exited;
      process.off("exit", killGroup);
    },
    async kill() {
      killGroup();
      await exited;
      process.off("exit", killGroup);
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

/** Finds the product: the last process of a chain. npm starts a shell, which the product replaces (`exec`). */
function findDeepestChild(pid: number): number {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = findParentPid(name);
    if (parent === pid) return findDeepestChild(Number(name));
  }
  return pid;
}

function findParentPid(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // The process has exited in the meantime.
    return undefined;
  }
}
