import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { COMPILE_CACHE, getTestProgram } from "../support/test-programs.ts";
import { NO_TELEGRAM_LIMITS, RELIABILITY_ADMIN_TOKEN, startSimulators, toItemKey } from "./simulators.ts";

/** Timeout for working a backlog. */
const IDLE_LIMIT_MS = 600_000;

interface SpawnOptions {
  env: Record<string, string>;
  /** Content of the settings file. */
  config?: object;
  /** See child.ts. */
  childOptions?: Record<string, unknown>;
  /** Default: the embedded store in the runtime's own folder. */
  store?: string;
  /** Default: a free port. */
  port?: number;
}

export type SpawnedRuntime = Awaited<ReturnType<typeof spawnRuntime>>;

/** Starts the runtime in a separate process; port and folder stay the same across restarts. */
export async function spawnRuntime({ env, config = {}, childOptions = {}, store, port: givenPort }: SpawnOptions) {
  const folder = createTestFolder("reliability");
  const port = givenPort ?? (await findFreePort());
  const url = `http://127.0.0.1:${port}`;
  const output: string[] = [];
  let child: ChildProcess | undefined;
  let starts = 0;
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  onTestFinished(() => kill());

  /** Resolves when it listens; rejects when it exits before. */
  async function start(changedOptions: Record<string, unknown> = {}): Promise<void> {
    const options = JSON.stringify({ ...childOptions, ...changedOptions });
    const args = ["--disable-warning=ExperimentalWarning", getTestProgram("product"), options];
    const files = { STORE_URL: store ?? `file:${folder}/data`, GROUNDCREW_CONFIG: "config.json" };
    const own = { NODE_COMPILE_CACHE: COMPILE_CACHE, PORT: String(port), ...files };
    const { PATH = "" } = process.env;
    const started = spawn(process.execPath, args, { cwd: folder, env: { PATH, ...own, ...env } });
    child = started;
    starts += 1;
    const listening = Promise.withResolvers<void>();
    for (const stream of [started.stdout, started.stderr])
      createInterface(stream).on("line", (line) => {
        output.push(line);
        if (line.includes('"message":"listening"')) listening.resolve();
      });
    started.once("exit", (code, signal) => {
      listening.reject(new Error(`ended with ${code ?? signal}:\n${output.slice(-20).join("\n")}`));
    });
    await listening.promise;
  }

  async function kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers };
    return fetch(url + path, { ...init, headers });
  }

  await start();
  return {
    url,
    folder,
    /** The lines of its standard output and standard error, across restarts. */
    output,
    get pid() {
      return child?.pid;
    },
    get startCount() {
      return starts;
    },
    start,
    kill,
    /** Resolves when it has exited by itself. */
    async waitForExit(): Promise<void> {
      if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
    request,
    /** Runs a complete poll that begins after this call; waits for one that is running. */
    poll: (): Promise<Response> => request("/ticks/poll", { method: "POST" }),
    /** Resolves when no job is pending; dead letters do not count. */
    async waitUntilIdle(within = IDLE_LIMIT_MS): Promise<void> {
      const end = Date.now() + within;
      for (let still = 0; still < 2; ) {
        const pending = await readPendingJobs(await request("/health"));
        still = pending === 0 ? still + 1 : 0;
        if (Date.now() > end) throw new Error(`${pending} jobs still wait after ${within} ms`);
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    },
  };
}

/** Starts the runtime with a project that it has read, of which it reports each task that is completed. */
export async function spawnWithItems(count: number, options: Partial<SpawnOptions> = {}) {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const project = simulators.addProject();
  const items = simulators.addItems(project, count);
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const runtime = await spawnRuntime({
    config: { notifications: [{ events: ["completed"] }] },
    ...options,
    env: { ...simulators.env, ...options.env },
    childOptions: { burst: 0, ...options.childOptions },
  });
  await runtime.poll();
  await runtime.waitUntilIdle();
  const deliver = (body: string): Promise<Response> =>
    runtime.request("/webhooks/plane", { method: "POST", headers: simulators.createDeliveryHeaders(body), body });
  return { simulators, project, items, keys: items.map((item) => toItemKey(project, item)), runtime, deliver };
}

async function readPendingJobs(answer: Response): Promise<number> {
  // The response is 503 until a killed store is connected again.
  if (!answer.ok) return Number.POSITIVE_INFINITY;
  const { queues } = (await answer.json()) as { queues: Record<string, { pending: number }> };
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}
