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
/** Pictures of a terminal in a second, at most. */
const PICTURES_PER_SECOND = 10;
/** Below 3 pictures a second the machine is too busy to calculate from what was measured. */
const MIN_RATE = 3;
/** Clock ticks of Linux per second. */
const TICKS = 100;

/**
 * A program in place of Claude Code: a coloured screen of 40 rows, of which one changes about twelve times a second. Perl
 * waits without starting a program, because the programs of the sessions share the processors with what is measured.
 */
const PROGRAM = `#!/usr/bin/perl
if (grep { $_ eq "--version" } @ARGV) { print "2.1.329 (Claude Code)\\n"; exit; }
if (grep { $_ eq "--help" } @ARGV) { print "--settings\\n"; exit; }
$| = 1;
print "\\e[H";
for my $row (1 .. 39) {
  print "\\e[3", $row % 8, "mrow $row\\e[0m: \\e[1msome words\\e[0m as an agent writes them, in \\e[38;5;\${row}mcolours\\e[0m\\e[K\\r\\n";
}
for (my $n = 1; ; $n++) {
  print "\\e[5;1H\\e[32mpicture $n\\e[0m\\e[K";
  select(undef, undef, undef, 0.08);
}
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
  const rate = cpu.frames / terminals / seconds;
  // A busy machine shows fewer pictures: what they cost is then calculated for ten a second.
  const total = cpu.unwatched + ((cpu.runner + cpu.groundcrew - cpu.unwatched) * PICTURES_PER_SECOND) / rate;
  const isMeaningful = rate >= MIN_RATE;
  const memory = await measureTerminalMemory(pictures);
  return [
    {
      what: `${terminals} terminals watched, runner and Groundcrew at 10 pictures/s each`,
      ours: `${isMeaningful ? `${total.toFixed(2)} cores` : "the machine is too busy"}; measured at ${rate.toFixed(1)}/s: runner ${cpu.runner.toFixed(2)}, Groundcrew ${cpu.groundcrew.toFixed(2)}, tmux ${cpu.tmux.toFixed(2)}; both unwatched ${cpu.unwatched.toFixed(2)}`,
      aim: "< 1 core",
      met: isMeaningful && total < 1,
    },
    memory,
  ];
}

async function measureCpu(terminals: number, seconds: number) {
  const simulators = await startSimulators();
  const host = createRunnerHost(() => {});
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
    for (const deadline = Date.now() + 180_000; ; await sleep(500)) {
      const { sessions = [] } = await call("/api/sessions");
      if (sessions.filter(({ screen }) => screen?.includes("picture")).length === terminals) break;
      if (Date.now() > deadline) throw new Error("Not every session runs.");
    }
    const tmux = Number(host.tmux("display-message", "-p", "#{pid}"));
    const measureCores = async () => {
      const read = () => [runner?.pid ?? 0, product.pid, tmux].map(readCpuSeconds);
      const [before, startedAt] = [read(), performance.now()];
      await sleep(seconds * 1000);
      const elapsed = (performance.now() - startedAt) / 1000;
      const cores = read().map((used, i) => (used - (before[i] ?? 0)) / elapsed);
      return { elapsed, runner: cores[0] ?? 0, groundcrew: cores[1] ?? 0, tmux: cores[2] ?? 0 };
    };
    const unwatched = await measureCores();
    let frames = 0;
    const seen = new Set<string>();
    for (const { id } of tickets)
      void readPictures(`${url}/api/terminals/${id}`, over.signal, () => {
        frames += 1;
        seen.add(id);
      });
    for (const deadline = Date.now() + 180_000; seen.size < terminals; await sleep(100))
      if (Date.now() > deadline) throw new Error(`${seen.size} of ${terminals} terminals have a picture.`);
    const framesBefore = frames;
    const watched = await measureCores();
    return {
      ...watched,
      frames: ((frames - framesBefore) * seconds) / watched.elapsed,
      unwatched: unwatched.runner + unwatched.groundcrew,
    };
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
  sessions?: { screen?: string }[];
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
