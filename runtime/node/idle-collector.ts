import { performance } from "node:perf_hooks";
import type { Ms } from "../../shared/time.ts";

/** How often it looks, and so for how long it must have been quiet. */
const CHECK_INTERVAL: Ms = 5_000;
/** Below this share of the time at work a process is idle: looking at its queues each second takes one hundredth. */
const MAX_IDLE_UTILIZATION = 0.1;
/** CPU time since the last collection that leaves something worth collecting; idling needs half a minute for it. */
const MIN_CPU_TIME: Ms = 250;

interface ProcessProbe {
  /** The share of the time since the last call in which the event loop was at work. */
  utilization(): number;
  /** CPU time so far. */
  cpu(): Ms;
  /** Gives back what is not needed any more. */
  collect(): void;
}

/**
 * One look whether work is over that has left garbage: V8 keeps memory until it needs room, which an idle process never
 * does. The collection stops the process for about 50 ms, so it waits until nothing is at work.
 */
export function createIdleCollector({ utilization, cpu, collect }: ProcessProbe): () => void {
  let cpuAtLastCollection = 0;
  return () => {
    if (utilization() >= MAX_IDLE_UTILIZATION || cpu() - cpuAtLastCollection < MIN_CPU_TIME) return;
    collect();
    cpuAtLastCollection = cpu();
  };
}

/** Looks every five seconds. Needs Node's flag `--expose-gc`, with which `npm start` runs; without it nothing is done. */
export function collectGarbageWhenIdle(): void {
  const { gc } = globalThis;
  if (!gc) return;
  let last = performance.eventLoopUtilization();
  const collectIfIdle = createIdleCollector({
    utilization() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    cpu() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    // Any other kind leaves the freed pages with the process.
    collect: () => gc({ type: "major", execution: "sync", flavor: "last-resort" }),
  });
  setInterval(collectIfIdle, CHECK_INTERVAL).unref();
}
