import { createTaskOperations } from "../functions/agent/tool.ts";
import { manifest } from "../functions/index.ts";
import { createDeps } from "../runtime/create-deps.ts";
import { createAssetReader, nodeFiles } from "../runtime/node/files.ts";
import { openStore } from "../runtime/stores/open-store.ts";
import type { Deps } from "../shared/app/deps.ts";
import { parseSettings } from "../shared/config/settings.ts";
import { noMetrics } from "../shared/metrics.ts";
import { startRedis } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { formatRate, median } from "./figures.ts";
import { measureRate } from "./measure-rate.ts";
import { fillWorkspace, startSimulators } from "./simulators.ts";
import type { BenchLine } from "./table.ts";

export interface ClaimSizes {
  rounds: number;
  /** Claims per round, each of another task. */
  count: number;
}

/** Concurrent agents, each of which makes its next claim after the answer to the last one, and their projects. */
const TEAM = { agents: 10, projects: 8 } as const;
/** `fillWorkspace` makes one open task per this many items. */
const ITEMS_PER_TASK = 3;
const TARGET_RATE = 1_000;

/**
 * Measures claims of ten agents on Redis (AOF each second), as the tools make them: find the task by key, check it,
 * take the lease, and commit the claim with its jobs. The floor is the bare lease and a commit of the same size.
 */
export async function benchClaims({ rounds, count }: ClaimSizes): Promise<BenchLine[]> {
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const simulators = await startSimulators();
  const items = TEAM.agents * ITEMS_PER_TASK * Math.ceil(((rounds + 1) * count) / (TEAM.projects * TEAM.agents));
  const { filled, config } = fillWorkspace(simulators, { ...TEAM, items });
  simulators.useCurrentTime();
  const folder = createBenchFolder(config);
  const parsed = parseSettings({ ...simulators.env, ...folder.env, STORE_URL: redis.url }, nodeFiles);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { settings } = parsed;
  const store = await openStore(redis.url, { prefix: "bench" });
  const deps = await createDeps({
    settings,
    store,
    metrics: noMetrics,
    write: () => {},
    signal: new AbortController().signal,
    manifest,
    readAsset: createAssetReader(),
  });
  try {
    await deps.ticks.runFresh("poll");
    await deps.drain();
    const claimableTasks = filled.flatMap(({ project, items: all }) =>
      all.flatMap((item, i) => {
        const agent = i % ITEMS_PER_TASK === 0 ? config.agents[i % TEAM.agents]?.name : undefined;
        return agent ? [{ key: `${project.identifier}-${item.sequence_id}`, agent }] : [];
      }),
    );
    const rates: number[] = [];
    const floorRates: number[] = [];
    // The jobs that follow from a claim run after the measurement.
    const pausedDeps: Deps = { ...deps, notify: () => {} };
    for (let round = 0; round <= rounds; round += 1) {
      const tasks = claimableTasks.slice(round * count, (round + 1) * count);
      const claimRate = await measureRate({ count: tasks.length, callers: TEAM.agents }, async (n) => {
        const task = tasks[n];
        if (task) await createTaskOperations(pausedDeps, { name: task.agent, role: "worker" }).claim(task.key);
      });
      const floorRate = await measureRate({ count: tasks.length, callers: TEAM.agents }, (n) =>
        runBareClaim(deps, `${round}:${n}`),
      );
      // The first round is a warm-up.
      if (round === 0) continue;
      rates.push(claimRate);
      floorRates.push(floorRate);
    }
    const ratios = rates.map((rate, i) => rate / (floorRates[i] ?? Number.NaN));
    return [
      {
        what: "claims by 10 agents at once, Redis, AOF each second",
        ours: formatRate(median(rates)),
        floor: `${formatRate(median(floorRates))}, bare read and commit`,
        ratio: median(ratios).toFixed(2),
        aim: `≥ ${formatRate(TARGET_RATE)}`,
        met: median(rates) >= TARGET_RATE,
      },
    ];
  } finally {
    await store.close();
    await simulators.stop();
    await redis.stop();
    folder.remove();
  }
}

/** The minimum of a claim: a read, and one commit of a value with two jobs. */
async function runBareClaim({ store }: Deps, id: string): Promise<void> {
  const key = `bare:${id}`;
  const [held] = await store.read([key]);
  if (held) throw new Error("The task is already claimed.");
  const body = { type: "nothing", item: id, correlation: "c".repeat(36) };
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [
      {
        key,
        value: { ...body, agent: "bench", since: 0, until: 0, status: "todo" },
        sets: ["bare", "bare:bench"],
      },
    ],
    jobs: ["mirror", "card"].map((name) => ({ id: `${name}:${key}`, queue: "work", lane: `${name}:${id}`, body })),
  });
  if (outcome !== "committed") throw new Error(outcome);
}
