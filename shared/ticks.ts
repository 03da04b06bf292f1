import type { Deps, Tick } from "./deps.ts";
import { messageOf } from "./errors.ts";
import type { Key, Ms } from "./store/port.ts";

/** A pass that is over. */
export interface TickReport {
  name: string;
  ms: Ms;
  counts: Record<string, number>;
}

/** Runs ticks, never one of a kind twice at once, neither here nor in another process on the same store. */
export interface Ticks {
  names: readonly string[];
  /** By the clock: undefined when another process is at it, which is as good. */
  due(name: string): Promise<TickReport | undefined>;
  /** On demand: when one is running, here or elsewhere, waits for it and answers with its report. */
  now(name: string): Promise<TickReport>;
  /** A pass that begins after this call: what happened before it is seen. */
  fresh(name: string): Promise<TickReport>;
  /** Resolves when no tick is running here. */
  idle(): Promise<void>;
}

/**
 * A process that dies in a tick keeps the others waiting so long: short enough that what it missed is polled for
 * within a minute. A living one renews three times as often.
 */
const LEASE_MS = 20_000;
/** How often another process's tick is looked at while waiting for its end. */
const LOOK_MS = 250;
/** How long a report is kept for those who waited elsewhere. */
const REPORT_MS = 86_400_000;

type Report = Omit<TickReport, "name">;
type How = "due" | "now" | "fresh";

export function createTicks(ticks: readonly Tick[], deps: () => Deps): Ticks {
  const running = new Map<string, Promise<TickReport | undefined>>();

  async function run(name: string, how: How): Promise<TickReport | undefined> {
    const tick = ticks.find((one) => one.name === name);
    if (!tick) throw new RangeError(`There is no tick "${name}"`);
    for (let shared = running.get(name); shared; shared = running.get(name)) {
      if (how === "due") return shared;
      if (how === "fresh") await shared.catch(() => undefined);
      else {
        const report = await shared;
        if (report) return report;
      }
    }
    const started = (tick.sideBySide ? work(tick, deps()) : runAlone(tick, deps(), how)).finally(() => {
      running.delete(name);
    });
    running.set(name, started);
    return started;
  }

  async function certain(name: string, how: "now" | "fresh"): Promise<TickReport> {
    for (;;) {
      const report = await run(name, how);
      if (report) return report;
    }
  }

  return {
    names: ticks.map((tick) => tick.name),
    due: (name) => run(name, "due"),
    now: (name) => certain(name, "now"),
    fresh: (name) => certain(name, "fresh"),
    async idle() {
      while (running.size > 0) await Promise.allSettled(running.values());
    },
  };
}

/** Runs under a lease. Undefined only for `due`, when the lease is held elsewhere. */
async function runAlone(tick: Tick, deps: Deps, how: How): Promise<TickReport | undefined> {
  const { store } = deps;
  const key = `tick:${tick.name}`;
  const owner = deps.newId();
  const readReport = async () => (await store.read<Report>([reportKey(tick)]))[0];
  const before = how === "now" ? await readReport() : undefined;
  for (let waited = false; ; waited = true) {
    const lease = await store.lease(key, owner, LEASE_MS);
    if ("fence" in lease) {
      const theirs = how === "now" && waited ? await readReport() : undefined;
      if (theirs && theirs.rev !== before?.rev) {
        await store.release(key, lease.fence);
        return { name: tick.name, ...theirs.value };
      }
      return holding(tick, deps, { key, owner, fence: lease.fence });
    }
    if (how === "due") {
      deps.metrics.count("groundcrew_ticks_total", { tick: tick.name, outcome: "elsewhere" });
      return undefined;
    }
    await deps.wait(LOOK_MS);
  }
}

async function holding(tick: Tick, deps: Deps, lease: { key: Key; owner: string; fence: number }): Promise<TickReport> {
  const { key, owner, fence } = lease;
  const over = new AbortController();
  const renewing = renew(deps, tick, { key, owner, signal: over.signal });
  try {
    const report = await work(tick, deps);
    const { ms, counts } = report;
    const put = [{ key: reportKey(tick), value: { ms, counts }, expires: REPORT_MS }];
    await quietly(deps, tick, () => deps.store.commit({ fence: [key, fence], put }));
    return report;
  } finally {
    over.abort();
    await renewing;
    await quietly(deps, tick, () => deps.store.release(key, fence));
  }
}

async function renew(deps: Deps, tick: Tick, { key, owner, signal }: { key: Key; owner: string; signal: AbortSignal }) {
  for (;;) {
    await deps.wait(LEASE_MS / 3, signal);
    if (signal.aborted) return;
    await quietly(deps, tick, async () => {
      const lease = await deps.store.lease(key, owner, LEASE_MS);
      if (!("fence" in lease)) throw new Error("another process took the lease over");
    });
  }
}

/** The work itself, with its log line and its metrics. */
async function work(tick: Tick, deps: Deps): Promise<TickReport> {
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
    log.error("tick failed", { tick: tick.name, ms: clock() - startedAt, error: messageOf(thrown) });
    throw thrown;
  } finally {
    metrics.count("groundcrew_ticks_total", { tick: tick.name, outcome });
    metrics.observe("groundcrew_tick_duration_seconds", (clock() - startedAt) / 1000, { tick: tick.name });
  }
}

/** A lease that cannot be told of ends by itself, so a finished tick does not fail for it. */
async function quietly(deps: Deps, tick: Tick, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    deps.log.warn("tick lease", { tick: tick.name, error: messageOf(thrown) });
  }
}

function reportKey(tick: Tick): Key {
  return `tick-report:${tick.name}`;
}
