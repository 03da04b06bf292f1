import { openStore } from "../runtime/stores/open-store.ts";
import type { LeasedJob, Store } from "../shared/store/port.ts";
import { startRedis } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { formatCount, median } from "./figures.ts";
import { measureRate } from "./measure-rate.ts";
import type { BenchLine } from "./table.ts";

/** Number of concurrent callers; each makes its next call after the answer to the last one. */
const CALLERS = 10;
const LANES = 100;
/** About as large as a stored work item or a notification. */
const VALUE = { text: "x".repeat(1000) };

export interface EngineSizes {
  rounds: number;
  /** Operations per round and kind. */
  count: number;
}

/** Compares the store engines in alternating rounds: commit a value with a job, take and settle a job, take a lease. */
export async function benchEngines({ rounds, count }: EngineSizes): Promise<BenchLine[]> {
  const folder = createBenchFolder();
  const everysec = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const always = await startRedis({ appendonly: "yes", appendfsync: "always" });
  const open = (url: string) => openStore(url, { prefix: "bench" });
  const stores: [string, Store][] = [
    ["memory (tests)", await open("memory:")],
    ["embedded file", await open(folder.env.STORE_URL)],
    ["Redis, AOF each second", await open(everysec.url)],
    ["Redis, AOF always", await open(always.url)],
  ];
  try {
    const rates = new Map(stores.map(([name]) => [name, { commit: [], work: [], lease: [] } as Rates]));
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, store] of stores) {
        const measured = await measureRound(store, round, count);
        const engineRates = rates.get(name);
        // The first round is a warm-up.
        if (engineRates && round > 0) for (const kind of KINDS) engineRates[kind].push(measured[kind]);
      }
    }
    return [...rates].map(([name, { commit, work, lease }]) => ({
      what: `store engine: ${name}`,
      ours: `${formatCount(median(commit))} commits/s, ${formatCount(median(work))} take + settle/s, ${formatCount(median(lease))} leases/s`,
    }));
  } finally {
    for (const [, store] of stores) await store.close();
    await everysec.stop();
    await always.stop();
    folder.remove();
  }
}

const KINDS = ["commit", "work", "lease"] as const;
type Rates = Record<(typeof KINDS)[number], number[]>;

async function measureRound(
  store: Store,
  round: number,
  count: number,
): Promise<Record<(typeof KINDS)[number], number>> {
  const commit = await measureRate({ count, callers: CALLERS }, async (n) => {
    const key = `item:${round}:${n}`;
    const job = { id: key, queue: "outbox", lane: `chat:${n % LANES}`, body: VALUE } as const;
    const outcome = await store.commit({
      expect: [[key, 0]],
      put: [{ key, value: VALUE, sets: ["items", "open"] }],
      jobs: [job],
    });
    if (outcome !== "committed") throw new Error(outcome);
  });
  const work = await measureRate({ count, callers: CALLERS }, async () => {
    const job = await takeOne(store);
    if (!(await store.acknowledge(job, { done: true }))) throw new Error("A lease was lost.");
  });
  const lease = await measureRate({ count, callers: CALLERS }, async (n) => {
    const leased = await store.lease(`claim:${n % LANES}`, "bench", 60_000);
    if (!("fence" in leased)) throw new Error("The lease is already held.");
  });
  return { commit, work, lease };
}

/** Takes one job. At the end of a round the remaining jobs may be in lanes that other callers hold, so it retries. */
async function takeOne(store: Store): Promise<LeasedJob> {
  for (;;) {
    const [job] = await store.take("outbox", 60_000, 1);
    if (job) return job;
  }
}
