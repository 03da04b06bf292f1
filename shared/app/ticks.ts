import { getErrorMessage } from "../errors.ts";
import type { StoreKey } from "../store/port.ts";
import { DAY, type Ms } from "../time.ts";
import type { Deps, Tick } from "./deps.ts";

/** A pass that is over. */
export interface TickReport {
  name: string;
  ms: Ms;
  counts: Record<string, number>;
}

/** Runs ticks, never one of a kind twice at once, neither here nor in another process on the same store. */
export interface TickRunner {
  names: readonly string[];
  /** By the clock: undefined when another process is at it, which is as good. */
  runIfDue(name: string): Promise<TickReport | undefined>;
  /** On demand: when one is running, here or elsewhere, waits for it and answers with its report. */
  runNow(name: string): Promise<TickReport>;
  /** A pass that begins after this call: what happened before it is seen. */
  runFresh(name: string): Promise<TickReport>;
  /** Resolves when no tick is running here. */
  waitUntilIdle(): Promise<void>;
}

/**
 * A process that dies in a tick keeps the others waiting so long: short enough that what it missed is polled for
 * within a minute. A living one renews three times as often.
 */
const LEASE_MS = 20_000;
/** How often another process's tick is looked at while waiting for its end. */
const LEASE_CHECK_MS = 250;
/** How long a report is kept for those who waited elsewhere. */
const REPORT_RETENTION_MS = DAY;

type StoredReport = Omit<TickReport, "name">;
type TickTrigger = "due" | "now" | "fresh";

export function createTickRunner(ticks: readonly Tick[], deps: () => Deps): TickRunner {
  const running = new Map<string, Promise<TickReport | undefined>>();

  async function run(name: string, trigger: TickTrigger): Promise<TickReport | undefined> {
    const tick = ticks.find((one) => one.name === name);
    if (!tick) throw new RangeError(`There is no tick "${name}"`);
    for (let shared = running.get(name); shared; shared = running.get(name)) {
      if (trigger === "due") return shared;
      if (trigger === "fresh") await shared.catch(() => undefined);
      else {
        const report = await shared;
        if (report) return report;
      }
    }
    const started = (tick.sideBySide ? runTick(tick, deps()) : runWithLease(tick, deps(), trigger)).finally(() => {
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

/** Runs under a lease. Undefined only for `due`, when the lease is held elsewhere. */
async function runWithLease(tick: Tick, deps: Deps, trigger: TickTrigger): Promise<TickReport | undefined> {
  const { store } = deps;
  const key = `tick:${tick.name}`;
  const owner = deps.newId();
  const readReport = async () => (await store.read<StoredReport>([reportKey(tick)]))[0];
  const previousReport = trigger === "now" ? await readReport() : undefined;
  for (let hasWaited = false; ; hasWaited = true) {
    const lease = await store.lease(key, owner, LEASE_MS);
    if ("fence" in lease) {
      const otherReport = trigger === "now" && hasWaited ? await readReport() : undefined;
      if (otherReport && otherReport.rev !== previousReport?.rev) {
        await store.release(key, lease.fence);
        return { name: tick.name, ...otherReport.value };
      }
      return runHoldingLease(tick, deps, { key, owner, fence: lease.fence });
    }
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
  const renewal = renewLease(deps, tick, { key, owner, signal: done.signal });
  try {
    const report = await runTick(tick, deps);
    const { ms, counts } = report;
    const put = [{ key: reportKey(tick), value: { ms, counts }, expires: REPORT_RETENTION_MS }];
    await ignoreLeaseErrors(deps, tick, () => deps.store.commit({ fence: [key, fence], put }));
    return report;
  } finally {
    done.abort();
    await renewal;
    await ignoreLeaseErrors(deps, tick, () => deps.store.release(key, fence));
  }
}

async function renewLease(
  deps: Deps,
  tick: Tick,
  { key, owner, signal }: { key: StoreKey; owner: string; signal: AbortSignal },
) {
  for (;;) {
    await deps.wait(LEASE_MS / 3, signal);
    if (signal.aborted) return;
    await ignoreLeaseErrors(deps, tick, async () => {
      const lease = await deps.store.lease(key, owner, LEASE_MS);
      if (!("fence" in lease)) throw new Error("another process took the lease over");
    });
  }
}

/** The work itself, with its log line and its metrics. */
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

/** A lease that cannot be told of ends by itself, so a finished tick does not fail for it. */
async function ignoreLeaseErrors(deps: Deps, tick: Tick, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    deps.log.warn("tick lease", { tick: tick.name, error: getErrorMessage(thrown) });
  }
}

function reportKey(tick: Tick): StoreKey {
  return `tick-report:${tick.name}`;
}
