import { type Ms, wait } from "../shared/time.ts";

/** A time of the machine's clock, and how much faster than it the demo runs from then on. */
export interface ClockSettings {
  startedAt: Ms;
  speed: number;
}

/**
 * Creates the clock and the waits of the demo. The product's process and that of the simulators create the same one, so
 * that limits, leases and delays keep their proportions when the demo runs faster than real time.
 */
export function createDemoClock({ startedAt, speed }: ClockSettings) {
  return {
    now: (): Ms => Math.floor(startedAt + (Date.now() - startedAt) * speed),
    wait: (ms: Ms, signal?: AbortSignal) => wait(ms / speed, signal),
  };
}
