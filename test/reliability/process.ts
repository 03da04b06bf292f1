import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { freePort } from "../redis.ts";
import { ADMIN } from "./outside.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
/** How long a runtime may take to listen, and a backlog to be worked. */
const LONG_MS = 600_000;

interface RunningOptions {
  env: Record<string, string>;
  /** What the settings file holds. */
  config?: object;
  /** See child.ts. */
  handed?: Record<string, unknown>;
  /** Default: the embedded store in the runtime's own folder. */
  store?: string;
}

export type Running = Awaited<ReturnType<typeof startProcess>>;

/** The real runtime in a process of its own, on a port and in a folder that it keeps over restarts. */
export async function startProcess({ env, config = {}, handed = {}, store }: RunningOptions) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-reliability-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const output: string[] = [];
  let child: ChildProcess | undefined;
  let life = 0;
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  onTestFinished(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Resolves when it listens; rejects when it ends before. */
  async function start(more: Record<string, unknown> = {}): Promise<void> {
    const args = ["--disable-warning=ExperimentalWarning", CHILD, JSON.stringify({ ...handed, ...more })];
    const given = { PORT: String(port), STORE_URL: store ?? `file:${folder}/data`, GROUNDCREW_CONFIG: "config.json" };
    const { PATH = "" } = process.env;
    const started = spawn(process.execPath, args, { cwd: folder, env: { PATH, ...given, ...env } });
    child = started;
    life += 1;
    const listening = Promise.withResolvers<void>();
    for (const stream of [started.stdout, started.stderr]) {
      createInterface(stream).on("line", (line) => {
        output.push(line);
        if (line.includes('"message":"listening"')) listening.resolve();
      });
    }
    started.once("exit", (code, signal) => {
      listening.reject(new Error(`ended with ${code ?? signal}:\n${output.slice(-20).join("\n")}`));
    });
    await listening.promise;
  }

  async function kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${ADMIN}`, ...init.headers };
    return fetch(url + path, { ...init, headers });
  }

  await start();
  return {
    url,
    folder,
    /** All it wrote to its standard output and standard error, over all its lives. */
    output,
    get pid() {
      return child?.pid;
    },
    get lives() {
      return life;
    },
    start,
    kill,
    /** Resolves when it has ended by itself. */
    async ended(): Promise<void> {
      if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
    ask,
    /** A whole pass that began after now; waits out one that is running. */
    async poll(): Promise<Response> {
      return ask("/ticks/poll", { method: "POST" });
    },
    /** Resolves when no job is waiting (dead letters aside). */
    async quiet(within = LONG_MS): Promise<void> {
      const end = Date.now() + within;
      for (let still = 0; still < 2; ) {
        const pending = await pendingOf(await ask("/health"));
        still = pending === 0 ? still + 1 : 0;
        if (Date.now() > end) throw new Error(`${pending} jobs still wait after ${within} ms`);
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    },
  };
}

async function pendingOf(answer: Response): Promise<number> {
  // 503 while a store that was killed is not yet connected again.
  if (!answer.ok) return Number.POSITIVE_INFINITY;
  const { queues } = (await answer.json()) as { queues: Record<string, { pending: number }> };
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}
