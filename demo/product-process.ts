import { type ChildProcess, fork } from "node:child_process";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { childMessageSchema, type ParentMessage } from "./process-messages.ts";

/** A service manager's usual patience before it starts again what has died. */
const RESTART_MS = 3_000;
/** Longer than the product takes to stop. */
const STOP_MS = 12_000;

export interface ProductProcess {
  url: string;
  /** How often it was started again. */
  readonly restarts: number;
  /** Undefined while it is dead. */
  readonly pid: number | undefined;
  /** `kill -9`. It is started again after three seconds, as a service manager would. */
  kill(): void;
  stop(): Promise<void>;
}

interface ProductProcessOptions {
  /** A line of the product's log. */
  log: (line: string) => void;
  /** Does what the console asks for; a throw is told to whoever asked. */
  runAction: (name: string, input: unknown) => Promise<unknown>;
  /** Something happened to the process itself. */
  narrate: (text: string) => void;
}

/** Runs the product in a process of its own and starts it again when it dies. Rejects when it cannot start at all. */
export async function startProductProcess(settings: Settings, options: ProductProcessOptions): Promise<ProductProcess> {
  let child: ChildProcess | undefined;
  let restarts = 0;
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;

  function startChild(): Promise<string> {
    const execArgv = ["--disable-warning=ExperimentalWarning"];
    const started = fork(new URL("./product-child.ts", import.meta.url), { execArgv });
    child = started;
    const listening = Promise.withResolvers<string>();
    const send = (message: ParentMessage) => void (started.connected && started.send(message));
    started.on("message", (received) => {
      const message = childMessageSchema.parse(received);
      if (message.kind === "log") options.log(message.line);
      else if (message.kind === "listening") listening.resolve(message.url);
      else if (message.kind === "failed") listening.reject(new Error(message.error));
      else {
        const { id, name, input } = message;
        options.runAction(name, input).then(
          (answer) => send({ kind: "answer", id, answer }),
          (thrown: unknown) => send({ kind: "refusal", id, problem: getErrorMessage(thrown) }),
        );
      }
    });
    started.on("exit", (code, signal) => {
      child = undefined;
      listening.reject(new Error(`Groundcrew ended before it listened (${signal ?? code}).`));
      if (isStopping) return;
      options.narrate(`Groundcrew is gone (${signal ?? `exit ${code}`}); it is started again in 3 s.`);
      timer = setTimeout(() => {
        restarts += 1;
        startChild().then(
          () => options.narrate("Groundcrew runs again."),
          (thrown: unknown) => options.narrate(getErrorMessage(thrown)),
        );
      }, RESTART_MS);
    });
    send({ kind: "start", settings });
    return listening.promise;
  }

  async function stop() {
    isStopping = true;
    clearTimeout(timer);
    const stoppingChild = child;
    if (!stoppingChild) return;
    const exited = new Promise<void>((resolve) => stoppingChild.once("exit", () => resolve()));
    const killTimer = setTimeout(() => stoppingChild.kill("SIGKILL"), STOP_MS);
    if (stoppingChild.connected) stoppingChild.send({ kind: "stop" } satisfies ParentMessage);
    await exited;
    clearTimeout(killTimer);
  }

  try {
    return {
      url: await startChild(),
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
