import { manifest } from "../functions/index.ts";
import { assemble } from "../runtime/assemble.ts";
import { files } from "../runtime/node/files.ts";
import { openStore } from "../runtime/stores/open.ts";
import { parseSettings } from "../shared/config.ts";
import type { Deps } from "../shared/deps.ts";
import { noMetrics } from "../shared/metrics.ts";
import { workFor } from "../shared/work/work.ts";
import { startRedis } from "../test/redis.ts";
import { median, perSecond } from "./figures.ts";
import { makeFolder } from "./folder.ts";
import { fillWorkspace, startOutside } from "./outside.ts";
import type { Line } from "./table.ts";

export interface ClaimSizes {
  rounds: number;
  /** Claims of a round, each of another task. */
  count: number;
}

/** So many agents at once, each waiting for its claim before the next. */
const AGENTS = 10;
const PROJECTS = 8;
/** Of `fillWorkspace`: so many items are one open task. */
const ITEMS_PER_TASK = 3;
const AIM = 1_000;

/**
 * Claims of ten agents on Redis (AOF each second), as the tools make them: the task is found by its key, everything is
 * checked, the lease taken, and the claim kept with its jobs. The floor is the bare lease and the same commit.
 */
export async function claims({ rounds, count }: ClaimSizes): Promise<Line[]> {
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const outside = await startOutside();
  const items = AGENTS * ITEMS_PER_TASK * Math.ceil(((rounds + 1) * count) / (PROJECTS * AGENTS));
  const { filled, config } = fillWorkspace(outside, { agents: AGENTS, projects: PROJECTS, items });
  outside.today();
  const folder = makeFolder(config);
  const parsed = parseSettings({ ...outside.env, ...folder.env, STORE_URL: redis.url }, files);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { settings } = parsed;
  const store = await openStore(redis.url, { prefix: "bench" });
  const deps = await assemble({
    ...{ settings, store, metrics: noMetrics, write: () => {}, signal: new AbortController().signal },
    manifest,
  });
  try {
    await deps.ticks.fresh("poll");
    await deps.drain();
    const queues = filled.flatMap(({ project, items: all }) =>
      all.flatMap((item, i) => {
        const agent = i % ITEMS_PER_TASK === 0 ? config.agents[i % AGENTS]?.name : undefined;
        return agent ? [{ key: `${project.identifier}-${item.sequence_id}`, agent }] : [];
      }),
    );
    const ours: number[] = [];
    const floor: number[] = [];
    // What follows from a claim is worked when it is measured no more.
    const still: Deps = { ...deps, kick: () => {} };
    for (let round = 0; round <= rounds; round += 1) {
      const tasks = queues.slice(round * count, (round + 1) * count);
      const measured = await timed(tasks.length, async (n) => {
        const task = tasks[n];
        if (task) await workFor(still, { name: task.agent, role: "worker" }).claim(task.key);
      });
      const bare = await timed(tasks.length, (n) => bareClaim(deps, `${round}:${n}`));
      // The first round warms up.
      if (round === 0) continue;
      ours.push(measured);
      floor.push(bare);
    }
    const ratios = ours.map((rate, i) => rate / (floor[i] ?? Number.NaN));
    return [
      {
        what: "claims by 10 agents at once, Redis, AOF each second",
        ours: perSecond(median(ours)),
        floor: `${perSecond(median(floor))}, bare lease and commit`,
        ratio: median(ratios).toFixed(2),
        aim: `≥ ${perSecond(AIM)}`,
        met: median(ours) >= AIM,
      },
    ];
  } finally {
    await store.close();
    await outside.stop();
    await redis.stop();
    folder.remove();
  }
}

/** The least a claim is: the lease, and what is kept under it with two jobs. */
async function bareClaim({ store }: Deps, id: string): Promise<void> {
  const key = `bare:${id}`;
  const lease = await store.lease(key, "bench", 60_000);
  if (!("fence" in lease)) throw new Error("the lease is held");
  const body = { do: "nothing", item: id, correlation: "c".repeat(36) };
  const outcome = await store.commit({
    expect: [[key, 0]],
    fence: [key, lease.fence],
    put: [
      { key, value: { ...body, agent: "bench", since: 0, until: 0, words: ["todo"] }, sets: ["bare", "bare:bench"] },
    ],
    jobs: ["mirror", "card"].map((name) => ({ id: `${name}:${key}`, queue: "work", lane: `${name}:${id}`, body })),
  });
  if (outcome !== "kept") throw new Error(outcome);
}

/** Runs so many operations, ten side by side, and answers how many a second. */
async function timed(count: number, operation: (n: number) => Promise<void>): Promise<number> {
  let next = 0;
  const began = performance.now();
  const caller = async () => {
    for (let n = next++; n < count; n = next++) await operation(n);
  };
  await Promise.all(Array.from({ length: AGENTS }, caller));
  return (count * 1000) / (performance.now() - began);
}
