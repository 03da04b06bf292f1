/** Scheduled tasks: two runs of one tick never overlap, also in another process with the same store. */

import { getErrorMessage } from "../errors.ts";
import type { StoreKey } from "../store/port.ts";
import type { Deps, Tick, TickReport, TickRunner } from "./deps.ts";

type TickTrigger = "due" | "now" | "fresh";

/**
 * Duration of a tick's lease: 20 s, so that after a crash another process runs the tick within a minute. A running tick
 * renews it three times as often.
 */
const LEASE_MS = 20_000;

/** Interval between checks whether another process's tick has ended: 250 ms. */
const LEASE_CHECK_MS = 250;

/**
 * @param isOnlyProcess no other process can use the store, so ticks need no lease: one left behind by an earlier
 * process would only delay them
 */
export function createTickRunner(
  ticks: readonly Tick[],
  deps: () => Deps,
  { isOnlyProcess = false }: { isOnlyProcess?: boolean } = {},
): TickRunner {
  const running = new Map<string, Promise<TickReport | undefined>>();

  async function run(name: string, trigger: TickTrigger): Promise<TickReport | undefined> {
    const tick = ticks.find((candidate) => candidate.name === name);
    if (!tick) throw new RangeError(`Unknown tick "${name}".`);
    for (let shared = running.get(name); shared; shared = running.get(name)) {
      if (trigger === "due") return shared;
      if (trigger === "fresh") await shared.catch(() => undefined);
      else {
        const report = await shared;
        if (report) return report;
      }
    }
    const needsLease = !tick.sideBySide && !isOnlyProcess;
    const started = (needsLease ? runWithLease(tick, deps(), trigger) : runTick(tick, deps())).finally(() => {
      running.delete(name);
    });
    running.set(name, started);
    return started;
  }

  async function runUntilReport(name: string, trigger: "now" | "fresh"): Promise<TickReport> {
    for (;;) {
      const report = await run(name, trigger);
      if (report) return report;
    }
  }

  return {
    names: ticks.map((tick) => tick.name),
    runIfDue: (name) => run(name, "due"),
    runNow: (name) => runUntilReport(name, "now"),
    runFresh: (name) => runUntilReport(name, "fresh"),
    async waitUntilIdle() {
      while (running.size > 0) await Promise.allSettled(running.values());
    },
  };
}

/** Runs a tick under a lease; undefined only for `due`, when another process holds the lease. */
async function runWithLease(tick: Tick, deps: Deps, trigger: TickTrigger): Promise<TickReport | undefined> {
  const { store } = deps;
  const key = `tick:${tick.name}`;
  const owner = deps.newId();
  for (;;) {
    const lease = await store.lease(key, owner, LEASE_MS);
    if ("fence" in lease) return runHoldingLease(tick, deps, { key, owner, fence: lease.fence });
    if (trigger === "due") {
      deps.metrics.count("groundcrew_ticks_total", { tick: tick.name, outcome: "elsewhere" });
      return undefined;
    }
    await deps.wait(LEASE_CHECK_MS);
  }
}

async function runHoldingLease(
  tick: Tick,
  deps: Deps,
  lease: { key: StoreKey; owner: string; fence: number },
): Promise<TickReport> {
  const { key, owner, fence } = lease;
  const done = new AbortController();
  const renewal = renewLease(deps, tick, key, owner, done.signal);
  try {
    return await runTick(tick, deps);
  } finally {
    done.abort();
    await renewal;
    await ignoreLeaseErrors(deps, tick, () => deps.store.release(key, fence));
  }
}

async function renewLease(deps: Deps, tick: Tick, key: StoreKey, owner: string, signal: AbortSignal) {
  for (;;) {
    await deps.wait(LEASE_MS / 3, signal);
    if (signal.aborted) return;
    await ignoreLeaseErrors(deps, tick, async () => {
      const lease = await deps.store.lease(key, owner, LEASE_MS);
      if (!("fence" in lease)) throw new Error("another process took the lease over");
    });
  }
}

/** A tick does not fail when its lease cannot be renewed or released, because the lease expires by itself. */
async function ignoreLeaseErrors(deps: Deps, tick: Tick, changeLease: () => Promise<unknown>): Promise<void> {
  try {
    await changeLease();
  } catch (thrown) {
    deps.log.warn("tick lease failed", { tick: tick.name, error: getErrorMessage(thrown) });
  }
}

/** Runs a tick and records its log line and metrics. */
async function runTick(tick: Tick, deps: Deps): Promise<TickReport> {
  const { log, metrics, clock } = deps;
  const startedAt = clock();
  let outcome = "error";
  try {
    const counts = await tick.run(deps);
    outcome = "ok";
    const ms = clock() - startedAt;
    const idle = tick.sideBySide && Object.values(counts).every((count) => count === 0);
    log[idle ? "debug" : "info"]("tick", { tick: tick.name, ms, ...counts });
    return { name: tick.name, ms, counts };
  } catch (thrown) {
    log.error("tick failed", { tick: tick.name, ms: clock() - startedAt, error: getErrorMessage(thrown) });
    throw thrown;
  } finally {
    metrics.count("groundcrew_ticks_total", { tick: tick.name, outcome });
    metrics.observe("groundcrew_tick_duration_seconds", (clock() - startedAt) / 1000, { tick: tick.name });
  }
}
