import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A started process of the bench. */
export interface BenchChild {
  pid: number;
  /** Runs a task of the process and resolves with its answer. */
  ask(task: string, input?: unknown): Promise<unknown>;
  /** Ends the process in order; resolves when it has exited. */
  stop(): Promise<void>;
  /** Sends SIGKILL; resolves when the process has exited. */
  kill(): Promise<void>;
}

interface ChildOptions {
  args?: readonly string[];
  env?: Record<string, string>;
  /** File for its standard output. Default: the output is discarded. */
  output?: string;
  /** Flags for Node, in addition to the one that silences the warning of node:sqlite. */
  flags?: readonly string[];
}

const QUIET_FLAG = "--disable-warning=ExperimentalWarning";
const replySchema = z
  .object({ to: z.number(), answer: z.unknown() })
  .or(z.object({ to: z.number(), problem: z.string() }));
const requestSchema = z.object({ number: z.number(), task: z.string(), given: z.unknown() });
/** Number of the only message without a request: the child is ready. */
const READY_NUMBER = 0;
const runningChildren = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of runningChildren) child.kill("SIGKILL");
});

/** Starts a program of this folder, which must call `serveParent`. Rejects when it ends before it is ready. */
export async function startChild(
  program: string,
  { args = [], env = {}, output, flags = [] }: ChildOptions = {},
): Promise<BenchChild> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { PATH = "" } = process.env;
  const stdout = output === undefined ? "ignore" : openSync(output, "a");
  const child = fork(path, [...args], {
    env: { PATH, ...env },
    execArgv: [QUIET_FLAG, ...flags],
    serialization: "advanced",
    stdio: ["ignore", stdout, "inherit", "ipc"],
  });
  if (typeof stdout === "number") closeSync(stdout);
  runningChildren.add(child);
  const exited = once(child, "exit").then(([code, signal]) => {
    runningChildren.delete(child);
    return `${program} ended with ${code ?? signal}`;
  });

  function waitForReply(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown) => {
        const parsedReply = replySchema.parse(message);
        if (parsedReply.to !== number) return;
        child.off("message", onMessage);
        if ("problem" in parsedReply) reject(new Error(parsedReply.problem));
        else resolve(parsedReply.answer);
      };
      child.on("message", onMessage);
      void exited.then((problem) => reject(new Error(problem)));
    });
  }

  await waitForReply(READY_NUMBER);
  let lastNumber = READY_NUMBER;
  return {
    pid: child.pid ?? 0,
    ask(task, input) {
      lastNumber += 1;
      const reply = waitForReply(lastNumber);
      child.send({ number: lastNumber, task, given: input });
      return reply;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

type BenchTasks = Record<string, (input: unknown) => unknown>;

/**
 * Serves the parent from a started process: reports that it is ready and runs the requested tasks. Every process also
 * has the task `cpu`.
 */
export function serveParent(tasks: BenchTasks): void {
  const sendToParent = (message: unknown) => process.send?.(message);
  const allTasks: BenchTasks = { ...tasks, cpu: () => process.cpuUsage() };
  process.on("message", async (message) => {
    const { number: to, task, given: input } = requestSchema.parse(message);
    try {
      const run = allTasks[task];
      if (!run) throw new Error(`Unknown task ${task}`);
      sendToParent({ to, answer: await run(input) });
    } catch (error) {
      sendToParent({ to, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once("disconnect", () => process.exit(0));
  sendToParent({ to: READY_NUMBER, answer: "ready" });
}
