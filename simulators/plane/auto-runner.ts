import type { Ms } from "../../shared/time.ts";

/** Delay before the worker starts a queued task: 20 ms; the recorded worker took about 30 ms. */
const PICKUP_DELAY_MS = 20;

export interface AutoRunner {
  /** Runs the work soon, because something was queued. */
  wake(): void;
  /** Runs nothing until the next `wake`. */
  pause(): void;
}

/** Runs `runWork` shortly after each `wake` and again after `nextDue` milliseconds, never twice at the same time. */
export function createAutoRunner(runWork: () => Promise<void>, nextDue: () => Ms | undefined): AutoRunner {
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let isWoken = false;
  let isPaused = false;

  function schedule(wait: Ms): void {
    clearTimeout(timer);
    timer = setTimeout(run, wait);
  }
  async function run(): Promise<void> {
    isBusy = true;
    isWoken = false;
    await runWork();
    isBusy = false;
    if (isPaused) return;
    const due = nextDue();
    if (isWoken) schedule(PICKUP_DELAY_MS);
    else if (due !== undefined) schedule(Math.max(PICKUP_DELAY_MS, due));
  }

  return {
    wake() {
      isPaused = false;
      if (isBusy) isWoken = true;
      else schedule(PICKUP_DELAY_MS);
    },
    pause() {
      isPaused = true;
      clearTimeout(timer);
    },
  };
}
