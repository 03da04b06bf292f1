import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A process of the bench that does what it is asked. */
export interface BenchChild {
  pid: number;
  ask(task: string, given?: unknown): Promise<unknown>;
  /** Ends it in its own way; resolves when it is gone. */
  stop(): Promise<void>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
}

interface ChildOptions {
  args?: readonly string[];
  env?: Record<string, string>;
  /** A file for what it writes to its standard output; default: nowhere. */
  output?: string;
  /** Node's own flags, beside the one that silences node:sqlite's warning. */
  flags?: readonly string[];
}

const QUIET_FLAG = "--disable-warning=ExperimentalWarning";
const replySchema = z
  .object({ to: z.number(), answer: z.unknown() })
  .or(z.object({ to: z.number(), problem: z.string() }));
const requestSchema = z.object({ number: z.number(), task: z.string(), given: z.unknown() });
/** The number of what a child says by itself: that it is ready. */
const READY_NUMBER = 0;
const runningChildren = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of runningChildren) child.kill("SIGKILL");
});

/** Starts one of the programs of this folder; it must call `answerParent`. Rejects when it ends before it is ready. */
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

type BenchTasks = Record<string, (given: unknown) => unknown>;

/**
 * The other end, in the started process: says that it is ready and does what it is asked; `cpu` every process can tell.
 */
export function serveParent(tasks: BenchTasks): void {
  const sendToParent = (message: unknown) => process.send?.(message);
  const allTasks: BenchTasks = { ...tasks, cpu: () => process.cpuUsage() };
  process.on("message", async (message) => {
    const { number: to, task, given: input } = requestSchema.parse(message);
    try {
      const run = allTasks[task];
      if (!run) throw new Error(`There is no task ${task}`);
      sendToParent({ to, answer: await run(input) });
    } catch (error) {
      sendToParent({ to, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once("disconnect", () => process.exit(0));
  sendToParent({ to: READY_NUMBER, answer: "ready" });
}
