import type { TickRunner } from "../shared/app/ticks.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { Log } from "../shared/log.ts";
import type { Ms } from "../shared/time.ts";

interface PollCollectorOptions {
  ticks: () => TickRunner;
  log: Log;
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  /** Ends the waiting when the runtime stops. */
  signal: AbortSignal;
  /** Takes the work, where a host must be kept awake for it. */
  keep?: (work: Promise<unknown>) => void;
  /** How long asks are collected before the poll. Default 10 s: "within a minute" with room for the pass itself. */
  collect?: Ms;
  /** How long after a failed poll it is tried again. Default 20 s. */
  again?: Ms;
}

/** One poll for any number of asks; it begins after the last of them and is repeated until one succeeds. */
export function createPollCollector(options: PollCollectorOptions): (reason: string) => void {
  const { log, wait, signal, collect = 10_000, again = 20_000 } = options;
  let isRequested = false;
  let isRunning = false;

  async function runRequestedPolls() {
    let pause = collect;
    while (isRequested && !signal.aborted) {
      await wait(pause, signal);
      if (signal.aborted) return;
      isRequested = false;
      pause = collect;
      try {
        await options.ticks().runFresh("poll");
      } catch (thrown) {
        log.warn("the asked poll failed and is repeated", { error: getErrorMessage(thrown) });
        isRequested = true;
        pause = again;
      }
    }
  }

  return (reason) => {
    if (!options.ticks().names.includes("poll")) return;
    if (!isRequested) log.info("poll asked", { reason });
    isRequested = true;
    if (isRunning) return;
    isRunning = true;
    const done = runRequestedPolls().finally(() => {
      isRunning = false;
    });
    options.keep?.(done);
  };
}
