import type { Ms } from "./types.ts";

/** A worker picks a task up within moments; the recorded one took about 30 ms. */
const MOMENT = 20;

export interface Auto {
  /** There is something to do. */
  wake(): void;
  /** Nothing is done before `wake` is called again. */
  rest(): void;
}

/** Runs `work` a moment after each `wake`, and again when `nextDue` says so; never twice at once. */
export function createAuto(work: () => Promise<void>, nextDue: () => Ms | undefined): Auto {
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let isWoken = false;
  let isResting = false;

  function schedule(wait: Ms): void {
    clearTimeout(timer);
    timer = setTimeout(run, wait);
  }
  async function run(): Promise<void> {
    isBusy = true;
    isWoken = false;
    await work();
    isBusy = false;
    if (isResting) return;
    const due = nextDue();
    if (isWoken) schedule(MOMENT);
    else if (due !== undefined) schedule(Math.max(MOMENT, due));
  }

  return {
    wake() {
      isResting = false;
      if (isBusy) isWoken = true;
      else schedule(MOMENT);
    },
    rest() {
      isResting = true;
      clearTimeout(timer);
    },
  };
}
