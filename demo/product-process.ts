import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { getProgramPath } from "../runtime/node/files.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { ClockSettings } from "./demo-clock.ts";
import { childMessageSchema, type ParentMessage } from "./process-messages.ts";

/** Delay before a restart: 3 s, as service managers commonly wait. */
const RESTART_MS = 3_000;
/** Timeout for an orderly stop: 12 s, longer than the product takes. */
const STOP_MS = 12_000;

export interface ProductProcess {
  url: string;
  /** Number of restarts. */
  readonly restarts: number;
  /** Process id; undefined while the product is not running. */
  readonly pid: number | undefined;
  /** Sends SIGKILL. The product is restarted after 3 s, as by a service manager. */
  kill(): void;
  stop(): Promise<void>;
}

interface ProductProcessOptions {
  /** The product's clock. Default: the machine's. */
  clock?: ClockSettings;
  /** A line of the product's log. */
  log: (line: string) => void;
  /** Runs an action of the console. An error is sent back to the console. */
  runAction: (name: string, input: unknown) => Promise<unknown>;
  /** Reports an event of the process itself. */
  narrate: (text: string) => void;
}

/** Runs the product in its own process and restarts it when it ends. Rejects when the first start fails. */
export async function startProductProcess(settings: Settings, options: ProductProcessOptions): Promise<ProductProcess> {
  let child: ChildProcess | undefined;
  let restarts = 0;
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;

  function startChild(): Promise<string> {
    const execArgv = ["--disable-warning=ExperimentalWarning"];
    // A child does not inherit the compile cache of its parent, without which each restart compiles everything anew.
    const env = { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() };
    const started = fork(getProgramPath("demo/product-child"), { execArgv, env });
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
      listening.reject(new Error(`Groundcrew ended before it was ready (${signal ?? code}).`));
      if (isStopping) return;
      options.narrate(`Groundcrew ended (${signal ?? `exit code ${code}`}); it restarts in 3 s.`);
      timer = setTimeout(() => {
        restarts += 1;
        startChild().then(
          () => options.narrate("Groundcrew is running again."),
          (thrown: unknown) => options.narrate(getErrorMessage(thrown)),
        );
      }, RESTART_MS);
    });
    send({ kind: "start", settings, ...(options.clock ? { clock: options.clock } : {}) });
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
