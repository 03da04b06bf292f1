/**
 * This process: the lines that it writes, with stacks as positions in the sources, what it shows and asks at its
 * terminal, and memory that it gives back when it is idle.
 */

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Ms } from "../../shared/time.ts";

/** The last line of a terminal, which says what a long command is doing. */
export interface StatusLine {
  /** Shows an activity with its duration until the next one; an empty text removes the line. Nothing without a terminal. */
  show(activity: string): void;
  /** Writes a line about a completed step where there is no terminal, which shows them while they run. */
  noteStep(step: string): void;
  /** Writes text above the line. */
  write(text: string): void;
}

interface ProcessProbe {
  /** Utilization of the event loop since the previous call, from 0 to 1. */
  utilization(): number;
  /** CPU time since the process started. */
  cpu(): Ms;
  /** Collects garbage and returns memory to the system. */
  collect(): void;
}

/** What a status line needs of its stream. */
type StatusStream = Pick<Writable, "write"> & { isTTY?: boolean; columns?: number };

/** A position of a stack, for example `file:///app/dist/chunks/main-1a2b3c.js:1:2345`. */
const POSITION = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

/** Moves the cursor to the start of its line and removes what stands there. */
const CLEAR_LINE = "\r\u001b[2K";

/** Interval at which a shown duration changes: 1 s. */
const STATUS_INTERVAL: Ms = 1_000;

/** Durations below this number of seconds are not shown. */
const MIN_SHOWN_SECONDS = 2;

/** Width of a terminal that does not tell its own. */
const DEFAULT_COLUMNS = 80;

/** The signals by which people end a command, with its exit codes. */
const END_SIGNALS = [["SIGINT", 130] as const, ["SIGTERM", 143] as const, ["SIGHUP", 129] as const];

/** Limit of a line's delay: 10 ms. */
const FLUSH_DELAY: Ms = 10;

/** Interval between checks: 5 s, which is also how long the process must have been idle. */
const CHECK_INTERVAL: Ms = 5_000;

/** Limit of the event loop's utilization in an idle process: 10 %. The heartbeat of the queues takes 1 %. */
const MAX_IDLE_UTILIZATION = 0.1;

/** CPU time since the last collection after which another one is worthwhile: 250 ms. An idle process uses it in 30 s. */
const MIN_CPU_TIME: Ms = 250;

/**
 * Creates a writer of lines that collects lines for 10 ms and writes them at once, because a system call for each line
 * of a log costs more than formatting it. Pending lines are written when the process exits, unless it is killed. Lines
 * that cannot be written (a full disk, a closed pipe) are lost without ending the process.
 */
export function createLineWriter(stream: Pick<Writable, "write" | "on">): (line: string) => void {
  let pendingLines: string[] = [];

  function flush() {
    if (pendingLines.length === 0) return;
    const text = `${pendingLines.join("\n")}\n`;
    pendingLines = [];
    stream.write(text);
  }

  // Without a listener the error would end the process.
  stream.on("error", () => {});
  process.on("exit", flush);
  return (line) => {
    if (pendingLines.push(line) === 1) setTimeout(flush, FLUSH_DELAY).unref();
  };
}

/** Creates the status line of a terminal, by default the one to which errors are written. */
export function createStatusLine(stream: StatusStream = process.stderr): StatusLine {
  const isTerminal = stream.isTTY === true && process.env["TERM"] !== "dumb";
  let activity = "";
  let startedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  function draw() {
    const seconds = Math.floor((performance.now() - startedAt) / 1000);
    const text = seconds < MIN_SHOWN_SECONDS ? `${activity} …` : `${activity} … ${seconds} s`;
    // A line that is wider than the terminal could not be removed again.
    stream.write(`${CLEAR_LINE}${text.slice(0, (stream.columns || DEFAULT_COLUMNS) - 1)}`);
  }

  function show(text: string) {
    if (!isTerminal) return;
    if (activity !== "") stream.write(CLEAR_LINE);
    clearInterval(timer);
    activity = text;
    startedAt = performance.now();
    if (activity === "") return;
    draw();
    timer = setInterval(draw, STATUS_INTERVAL).unref();
  }

  return {
    show,
    noteStep: (step) => void (isTerminal || stream.write(`${step}\n`)),
    write(text) {
      if (activity !== "") stream.write(CLEAR_LINE);
      stream.write(text);
      if (activity !== "") draw();
    },
  };
}

/** Ends a command with one sentence when a person stops it. */
export function endOnSignals(status: StatusLine, sentence: string): void {
  for (const [signal, code] of END_SIGNALS)
    process.once(signal, () => {
      status.show("");
      status.write(`${sentence}\n`);
      process.exit(code);
    });
}

/** Creates a yes/no prompt for a terminal. The end of the input and Ctrl-C count as no. */
export function createConfirmPrompt(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
  return (question: string): Promise<boolean> =>
    new Promise((resolve) => {
      const lines = createInterface({ input, output });
      lines.once("close", () => resolve(false));
      lines.question(`${question} [y/N] `, (answer) => {
        resolve(/^(y|yes|o|oui)$/i.test(answer.trim()));
        lines.close();
      });
    });
}

/**
 * Creates a check that collects garbage when the process is idle after work: V8 keeps memory until it needs space,
 * which an idle process never does. A collection stops the process for about 50 ms, so it waits for an idle interval.
 */
export function createIdleCollector({ utilization, cpu, collect }: ProcessProbe): () => void {
  let cpuAtLastCollection = 0;
  return () => {
    if (utilization() >= MAX_IDLE_UTILIZATION || cpu() - cpuAtLastCollection < MIN_CPU_TIME) return;
    collect();
    cpuAtLastCollection = cpu();
  };
}

/** Collects garbage whenever the process is idle. Does nothing without Node's flag `--expose-gc`, which `npm start` sets. */
export function collectGarbageWhenIdle(): void {
  const { gc } = globalThis;
  if (!gc) return;
  let last = performance.eventLoopUtilization();
  const collectIfIdle = createIdleCollector({
    utilization() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    cpu() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    // Other flavors keep the freed pages in the process.
    collect: () => gc({ type: "major", execution: "sync", flavor: "last-resort" }),
  });
  setInterval(collectIfIdle, CHECK_INTERVAL).unref();
}

/**
 * Replaces the positions in a stack by those in the sources, as far as there are source maps. Node could do this itself
 * (`--enable-source-maps`), but it reads all source maps at the start, which takes 25 MB; here one is read when an
 * error is logged.
 */
export function toSourceStack(stack: string): string {
  return stack.replaceAll(POSITION, (position, url: string, line: string, column: string) => {
    const path = `${fileURLToPath(url)}.map`;
    const entry = findSourceMap(path)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (!entry || !("originalSource" in entry)) return position;
    // A map names its sources from its own folder.
    const source = entry.originalSource.replace(/^(?:\.\.\/)+/, "");
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function findSourceMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
