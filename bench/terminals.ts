import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createRunnerHost } from "../test/runtime/runner/runner-host.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { measureTerminalMemory } from "./terminal-memory.ts";
import { sleep, waitUntilIdle } from "./wait.ts";

const RUNNER_TOKEN = "runner-token-of-the-bench";
/** Clock ticks of Linux per second. */
const TICKS = 100;

/** A program that redraws a coloured screen of 40 rows about fifteen times a second, in place of Claude Code. */
const PROGRAM = `#!/bin/sh
case " $* " in *" --version "*) echo "2.1.329 (Claude Code)"; exit;; *" --help "*) echo "--settings"; exit;; esac
n=0
while :; do
  n=$((n + 1)); row=0; text="\\033[H"
  while [ $row -lt 39 ]; do
    row=$((row + 1))
    text="$text\\033[3$((row % 8))mrow $row\\033[0m of picture $n: \\033[1msome words\\033[0m as an agent writes them, in \\033[38;5;$((n % 200))mcolours\\033[0m\\033[K\\r\\n"
  done
  printf "$text"
  sleep 0.06
done
`;

export interface TerminalSizes {
  terminals: number;
  /** Duration of the measurement. */
  seconds: number;
  /** Pictures that one page shows: 36,000 are an hour at ten a second. */
  pictures: number;
}

/**
 * Measures watched terminals with the real tmux: processor time of the runner, with the programs that it starts, and of
 * Groundcrew, while every terminal changes all the time; and the memory of a page that shows pictures for an hour.
 */
export async function benchTerminals({ terminals, seconds, pictures }: TerminalSizes): Promise<BenchLine[]> {
  const cpu = await measureCpu(terminals, seconds);
  const total = cpu.runner + cpu.groundcrew;
  const memory = await measureTerminalMemory(pictures);
  return [
    {
      what: `${terminals} terminals watched, ${(cpu.frames / terminals / seconds).toFixed(1)} pictures/s each`,
      ours: `${total.toFixed(2)} cores: runner ${cpu.runner.toFixed(2)}, Groundcrew ${cpu.groundcrew.toFixed(2)} (tmux's server besides: ${cpu.tmux.toFixed(2)})`,
      aim: "< 1 core",
      met: total < 1,
    },
    memory,
  ];
}

async function measureCpu(terminals: number, seconds: number) {
  const simulators = await startSimulators();
  const host = createRunnerHost();
  const program = join(host.folder, "redraw");
  writeFileSync(program, PROGRAM);
  chmodSync(program, 0o755);
  const repository = { path: host.repository, max_sessions: terminals };
  const folder = createBenchFolder({ tickets: { max_sessions: terminals, repositories: { ONB: repository } } });
  const { project } = simulators.fillProject("ONB", 0, () => ({ state: "Todo" }));
  const product = await startChild("product.ts", {
    args: ["whole"],
    flags: START_FLAGS,
    env: { ...simulators.env, ...folder.env, RUNNER_TOKEN },
  });
  const over = new AbortController();
  let runner: ChildProcess | undefined;
  try {
    await product.ask("poll");
    simulators.useCurrentTime();
    await sleep(1_100);
    for (let i = 0; i < terminals; i += 1) simulators.plane.addItem(project, { name: `Session ${i + 1}` });
    await product.ask("poll");
    await waitUntilIdle(product);
    const url = `http://127.0.0.1:${await product.ask("port")}`;
    const call = createCaller(url);
    const { tickets = [] } = await call("/api/pending-tickets");
    if (tickets.length !== terminals) throw new Error(`${tickets.length} of ${terminals} tickets are pending.`);
    runner = spawn(process.execPath, [resolve("runtime/cli.js"), "runner"], {
      cwd: host.folder,
      env: { ...host.env, ...folder.env, CLAUDE_BIN: program, GROUNDCREW_URL: url, RUNNER_TOKEN },
      stdio: "ignore",
    });
    for (const { id } of tickets) await call(`/api/approve/${id}`, {});
    let frames = 0;
    const seen = new Set<string>();
    for (const { id } of tickets)
      void readPictures(`${url}/api/terminals/${id}`, over.signal, () => {
        frames += 1;
        seen.add(id);
      });
    for (const deadline = Date.now() + 180_000; seen.size < terminals; await sleep(100))
      if (Date.now() > deadline) throw new Error(`${seen.size} of ${terminals} terminals have a picture.`);
    // Starts of sessions are not part of the figure.
    await sleep(5_000);
    const tmux = Number(host.tmux("display-message", "-p", "#{pid}"));
    const read = () => [runner?.pid ?? 0, product.pid, tmux].map(readCpuSeconds);
    const [before, framesBefore, startedAt] = [read(), frames, performance.now()];
    await sleep(seconds * 1000);
    const [after, elapsed] = [read(), (performance.now() - startedAt) / 1000];
    const [runnerCores = 0, groundcrew = 0, tmuxCores = 0] = after.map(
      (used, i) => (used - (before[i] ?? 0)) / elapsed,
    );
    return { runner: runnerCores, groundcrew, tmux: tmuxCores, frames: ((frames - framesBefore) * seconds) / elapsed };
  } finally {
    over.abort();
    if (runner && runner.exitCode === null) {
      runner.kill("SIGKILL");
      await once(runner, "exit");
    }
    host.tmux("kill-server");
    await product.kill();
    await simulators.stop();
    rmSync(host.folder, { recursive: true, force: true });
    folder.remove();
  }
}

interface Answer {
  tickets?: { id: string }[];
}

function createCaller(url: string) {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  return async (path: string, body?: object): Promise<Answer> => {
    const response = await fetch(
      url + path,
      body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers },
    );
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  };
}

/** Reads a viewer's stream until the signal, and counts its pictures in colours. */
async function readPictures(url: string, signal: AbortSignal, onPicture: () => void): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const response = await fetch(url, { headers, signal });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? [])
      for (const _picture of decoder.decode(chunk, { stream: true }).matchAll(/"screen":"\\u001b/g)) onPicture();
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

/** Processor time of a process and of the programs that it has started and that have ended, in seconds. */
function readCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}
