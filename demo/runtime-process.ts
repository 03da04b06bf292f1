import { type ChildProcess, fork } from "node:child_process";
import type { Settings } from "../shared/config.ts";
import { messageOf } from "../shared/errors.ts";
import { fromChild, type ToChild } from "./messages.ts";

/** A service manager's usual patience before it starts again what has died. */
const RESTART_MS = 3_000;
/** Longer than the product takes to stop. */
const STOP_MS = 12_000;

export interface RuntimeProcess {
  url: string;
  /** How often it was started again. */
  readonly restarts: number;
  /** Undefined while it is dead. */
  readonly pid: number | undefined;
  /** `kill -9`. It is started again after three seconds, as a service manager would. */
  kill(): void;
  stop(): Promise<void>;
}

interface ProcessOptions {
  /** A line of the product's log. */
  log: (line: string) => void;
  /** Does what the console asks for; a throw is told to whoever asked. */
  act: (name: string, input: unknown) => Promise<unknown>;
  /** Something happened to the process itself. */
  tell: (text: string) => void;
}

/** Runs the product in a process of its own and starts it again when it dies. Rejects when it cannot start at all. */
export async function startRuntimeProcess(settings: Settings, options: ProcessOptions): Promise<RuntimeProcess> {
  let child: ChildProcess | undefined;
  let restarts = 0;
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;

  function begin(): Promise<string> {
    const execArgv = ["--disable-warning=ExperimentalWarning"];
    const begun = fork(new URL("./child.ts", import.meta.url), { execArgv });
    child = begun;
    const listening = Promise.withResolvers<string>();
    const say = (message: ToChild) => void (begun.connected && begun.send(message));
    begun.on("message", (told) => {
      const message = fromChild.parse(told);
      if (message.kind === "log") options.log(message.line);
      else if (message.kind === "listening") listening.resolve(message.url);
      else if (message.kind === "failed") listening.reject(new Error(message.error));
      else {
        const { id, name, input } = message;
        options.act(name, input).then(
          (answer) => say({ kind: "answer", id, answer }),
          (thrown: unknown) => say({ kind: "refusal", id, problem: messageOf(thrown) }),
        );
      }
    });
    begun.on("exit", (code, signal) => {
      child = undefined;
      listening.reject(new Error(`Groundcrew ended before it listened (${signal ?? code}).`));
      if (isStopping) return;
      options.tell(`Groundcrew is gone (${signal ?? `exit ${code}`}); it is started again in 3 s.`);
      timer = setTimeout(() => {
        restarts += 1;
        begin().then(
          () => options.tell("Groundcrew runs again."),
          (thrown: unknown) => options.tell(messageOf(thrown)),
        );
      }, RESTART_MS);
    });
    say({ kind: "start", settings });
    return listening.promise;
  }

  async function stop() {
    isStopping = true;
    clearTimeout(timer);
    const stopping = child;
    if (!stopping) return;
    const ended = new Promise<void>((resolve) => stopping.once("exit", () => resolve()));
    const limit = setTimeout(() => stopping.kill("SIGKILL"), STOP_MS);
    if (stopping.connected) stopping.send({ kind: "stop" } satisfies ToChild);
    await ended;
    clearTimeout(limit);
  }

  try {
    return {
      url: await begin(),
      get restarts() {
        return restarts;
      },
      get pid() {
        return child?.pid;
      },
      kill: () => void child?.kill("SIGKILL"),
      stop,
    };
  } catch (thrown) {
    isStopping = true;
    clearTimeout(timer);
    child?.kill("SIGKILL");
    throw thrown;
  }
}
