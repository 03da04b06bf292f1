import type { TickRunner } from "../shared/app/ticks.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { Log } from "../shared/log.ts";
import type { Ms } from "../shared/time.ts";

interface PollCollectorOptions {
  ticks: () => TickRunner;
  log: Log;
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  /** Aborted when the runtime stops; ends all waiting. */
  signal: AbortSignal;
  /** Keeps the host awake until this work is done. Only for hosts that do not stay awake by themselves. */
  keepAwake?: (work: Promise<unknown>) => void;
  /** Stores whether a poll is requested. Only for hosts that may lose their memory and go on without a new start. */
  storePollRequest?: (isRequested: boolean) => void;
  /** Delay in which requests are collected before one poll. Default 10 s, so that the poll ends within a minute. */
  collectDelay?: Ms;
  /** Delay before a failed poll is repeated. Default 20 s. */
  retryDelay?: Ms;
}

/**
 * Creates a function that requests a poll. Requests within the delay share one poll, a request during a poll causes
 * another, and a failed poll is repeated until it succeeds.
 */
export function createPollCollector(options: PollCollectorOptions): (reason: string) => void {
  const { log, wait, signal, collectDelay = 10_000, retryDelay = 20_000 } = options;
  let isRequested = false;
  let isRunning = false;

  async function runRequestedPolls() {
    let delay = collectDelay;
    while (isRequested && !signal.aborted) {
      await wait(delay, signal);
      if (signal.aborted) return;
      isRequested = false;
      delay = collectDelay;
      try {
        await options.ticks().runFresh("poll");
        if (!isRequested) options.storePollRequest?.(false);
      } catch (thrown) {
        log.warn("requested poll failed, will be repeated", { error: getErrorMessage(thrown) });
        isRequested = true;
        delay = retryDelay;
      }
    }
  }

  return (reason) => {
    if (!options.ticks().names.includes("poll")) return;
    if (!isRequested) {
      log.info("poll requested", { reason });
      options.storePollRequest?.(true);
    }
    isRequested = true;
    if (isRunning) return;
    isRunning = true;
    const done = runRequestedPolls().finally(() => {
      isRunning = false;
    });
    options.keepAwake?.(done);
  };
}
