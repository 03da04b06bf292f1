import { messageOf } from "../shared/errors.ts";
import type { Log } from "../shared/log.ts";
import type { Ms } from "../shared/store/port.ts";
import type { Ticks } from "../shared/ticks.ts";

interface PollAskerOptions {
  ticks: () => Ticks;
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
export function createPollAsker(options: PollAskerOptions): (reason: string) => void {
  const { log, wait, signal, collect = 10_000, again = 20_000 } = options;
  let asked = false;
  let working = false;

  async function work() {
    let pause = collect;
    while (asked && !signal.aborted) {
      await wait(pause, signal);
      if (signal.aborted) return;
      asked = false;
      pause = collect;
      try {
        await options.ticks().fresh("poll");
      } catch (thrown) {
        log.warn("the asked poll failed and is repeated", { error: messageOf(thrown) });
        asked = true;
        pause = again;
      }
    }
  }

  return (reason) => {
    if (!options.ticks().names.includes("poll")) return;
    if (!asked) log.info("poll asked", { reason });
    asked = true;
    if (working) return;
    working = true;
    const done = work().finally(() => {
      working = false;
    });
    options.keep?.(done);
  };
}
