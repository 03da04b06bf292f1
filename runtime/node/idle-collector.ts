import { performance } from "node:perf_hooks";
import type { Ms } from "../../shared/time.ts";

/** Interval between checks: 5 s, which is also how long the process must have been idle. */
const CHECK_INTERVAL: Ms = 5_000;
/** Limit of the event loop's utilization in an idle process: 10 %. The heartbeat of the queues takes 1 %. */
const MAX_IDLE_UTILIZATION = 0.1;
/** CPU time since the last collection after which another one is worthwhile: 250 ms. An idle process uses it in 30 s. */
const MIN_CPU_TIME: Ms = 250;

interface ProcessProbe {
  /** Utilization of the event loop since the previous call, from 0 to 1. */
  utilization(): number;
  /** CPU time since the process started. */
  cpu(): Ms;
  /** Collects garbage and returns memory to the system. */
  collect(): void;
}

/**
 * Creates a check that collects garbage when the process is idle after work: V8 keeps memory until it needs space, which
 * an idle process never does. A collection stops the process for about 50 ms, so it waits for an idle interval.
 */
export function createIdleCollector({ utilization, cpu, collect }: ProcessProbe): () => void {
  let cpuAtLastCollection = 0;
  return () => {
    if (utilization() >= MAX_IDLE_UTILIZATION || cpu() - cpuAtLastCollection < MIN_CPU_TIME) return;
    collect();
    cpuAtLastCollection = cpu();
  };
}

/** Collects garbage whenever the process is idle. Does nothing without Node's flag `--expose-gc`, which `npm start` sets. */
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
    // Other flavors keep the freed pages in the process.
    collect: () => gc({ type: "major", execution: "sync", flavor: "last-resort" }),
  });
  setInterval(collectIfIdle, CHECK_INTERVAL).unref();
}
