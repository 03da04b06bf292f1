import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFailed, onTestFinished } from "vitest";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "../../reliability/simulators.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createRunnerHost } from "./runner-host.ts";

/** Timeout for a state: more than the 45 s after which another process may poll Telegram when one was killed. */
const STATE_TIMEOUT_MS = 120_000;

/** What the product answers to a person. */
interface Tickets {
  tickets?: { id: string; state: string; summary?: string }[];
  sessions?: { id: string; state: string }[];
  tmux_service?: boolean;
}

/** Starts the product with a runner inside, the real tmux and git, a stand-in for Claude Code, and both simulators. */
export async function startLocalProduct(env: Record<string, string> = {}) {
  const host = createRunnerHost();
  const simulators = await startSimulators();
  const project = simulators.addProject();
  const port = await findFreePort();
  const output: string[] = [];
  let child: ChildProcess;
  writeFileSync(
    join(host.folder, "config.json"),
    JSON.stringify({ tickets: { repositories: { ONB: host.repository } } }),
    { mode: 0o600 },
  );
  onTestFailed(() => console.info(output.slice(-60).join("")));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    host.tmux("kill-server");
    rmSync(host.folder, { recursive: true, force: true });
  });

  async function start() {
    output.length = 0;
    child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", resolve("runtime/start.js")], {
      cwd: host.folder,
      env: {
        ...host.env,
        ...simulators.env,
        PORT: String(port),
        GROUNDCREW_CONFIG: "config.json",
        STORE_URL: "file:./data",
        ...env,
      },
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => output.push(String(data)));
    await waitFor(async () => output.join("").includes('"runner started"')).toBe(true);
    await waitFor(async () => (await call("/health")).tmux_service).toBe(true);
  }
  async function call(path: string, method = "GET", body?: object): Promise<Tickets> {
    const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, "content-type": "application/json" };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    return (await (await fetch(`http://127.0.0.1:${port}${path}`, init)).json()) as Tickets;
  }
  const waitFor = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: STATE_TIMEOUT_MS, interval: 200 });
  /** Ends the process; resolves with its exit status and signal. */
  async function end(signal: NodeJS.Signals): Promise<unknown[]> {
    const exited = once(child, "exit");
    child.kill(signal);
    return exited;
  }

  await start();
  await call("/ticks/poll", "POST");
  return {
    host,
    simulators,
    call,
    waitFor,
    end,
    /** kill -9 of the process, and a new one on the same store. */
    async killAndRestart() {
      await end("SIGKILL");
      await start();
    },
    /** Adds a task whose ticket tells the stand-in what to do, and lets the product observe it. */
    async addTicket(steps: readonly string[]) {
      const description_html = `<pre><code>${steps.map((step) => `do: ${step}`).join("\n")}</code></pre>`;
      const item = simulators.plane.addItem(project, { name: "Make it", description_html });
      await call("/ticks/poll", "POST");
      return item;
    },
    readStatus: (item: { id: string }) =>
      simulators.plane.states(project).find(({ id }) => id === simulators.plane.item(item)?.state)?.name,
  };
}
