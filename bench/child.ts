import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A process of the bench that does what it is asked. */
export interface Child {
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

const QUIET = "--disable-warning=ExperimentalWarning";
const answer = z.object({ to: z.number(), answer: z.unknown() }).or(z.object({ to: z.number(), problem: z.string() }));
const question = z.object({ number: z.number(), task: z.string(), given: z.unknown() });
/** The number of what a child says by itself: that it is ready. */
const UNASKED = 0;
const started = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

/** Starts one of the programs of this folder; it must call `answerParent`. Rejects when it ends before it is ready. */
export async function startChild(
  program: string,
  { args = [], env = {}, output, flags = [] }: ChildOptions = {},
): Promise<Child> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { PATH = "" } = process.env;
  const out = output === undefined ? "ignore" : openSync(output, "a");
  const child = fork(path, [...args], {
    env: { PATH, ...env },
    execArgv: [QUIET, ...flags],
    serialization: "advanced",
    stdio: ["ignore", out, "inherit", "ipc"],
  });
  if (typeof out === "number") closeSync(out);
  started.add(child);
  const gone = once(child, "exit").then(([code, signal]) => {
    started.delete(child);
    return `${program} ended with ${code ?? signal}`;
  });

  function told(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const heard = (message: unknown) => {
        const said = answer.parse(message);
        if (said.to !== number) return;
        child.off("message", heard);
        if ("problem" in said) reject(new Error(said.problem));
        else resolve(said.answer);
      };
      child.on("message", heard);
      void gone.then((problem) => reject(new Error(problem)));
    });
  }

  await told(UNASKED);
  let asked = UNASKED;
  return {
    pid: child.pid ?? 0,
    ask(task, given) {
      asked += 1;
      const answered = told(asked);
      child.send({ number: asked, task, given });
      return answered;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
    },
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

type Tasks = Record<string, (given: unknown) => unknown>;

/** The other end, in the started process: says that it is ready and does what it is asked; `cpu` every process can tell. */
export function answerParent(tasks: Tasks): void {
  const say = (message: unknown) => process.send?.(message);
  const all: Tasks = { ...tasks, cpu: () => process.cpuUsage() };
  process.on("message", async (message) => {
    const { number: to, task, given } = question.parse(message);
    try {
      const act = all[task];
      if (!act) throw new Error(`There is no task ${task}`);
      say({ to, answer: await act(given) });
    } catch (thrown) {
      say({ to, problem: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
    }
  });
  process.once("disconnect", () => process.exit(0));
  say({ to: UNASKED, answer: "ready" });
}
