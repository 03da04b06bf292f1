import type { Ms } from "../../shared/time.ts";

/** A worker picks a task up within moments; the recorded one took about 30 ms. */
const PICKUP_DELAY_MS = 20;

export interface AutoRunner {
  /** There is something to do. */
  wake(): void;
  /** Nothing is done before `wake` is called again. */
  pause(): void;
}

/** Runs `work` a moment after each `wake`, and again when `nextDue` says so; never twice at once. */
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
