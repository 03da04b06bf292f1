import { MINUTE, type Ms, SECOND } from "../shared/time.ts";
import type { Item } from "../simulators/plane/types.ts";
import { createSeededRandom } from "../simulators/seeded-random.ts";
import { addAgentTeam, createAgentKeys, toItemOwnership } from "./agent-team.ts";
import { countDetailsRequests, type SimulatedProduct, startSimulatedProduct } from "./simulated-product.ts";
import type { BenchLine } from "./table.ts";

export interface BusyTeamSizes {
  /** Open tasks that the team works on. */
  tasks: number;
  agents: number;
  /** Time during which the team makes one change a second. */
  duration: Ms;
  pollInterval: Ms;
  /** Whether the agents have Plane keys of their own. Default: false. */
  hasAgentKeys?: boolean;
}

export interface BusyTeamFigures {
  /** Jobs that wait 3 minutes after the last change. */
  pendingJobs: number;
  /** Time from the last change until no job waited. */
  idleAfter: Ms;
  /** Times from the first poll that could show a block between two open tasks until it was found. */
  blockDelays: Ms[];
  /** Blocks that were never found. */
  missedBlocks: number;
  requests: number;
  /** Requests for comments and relations. */
  detailsRequests: number;
  /** Number of times that a job of details was taken from the queue. */
  attempts: number;
  refusedRequests: number;
}

interface Block {
  blocked: Item;
  at: Ms;
  /** Begin of the first poll after it. */
  polledAt?: Ms;
}

/** A pause after the last change in which nothing may be left. */
const REST_MS = 3 * MINUTE;

/** Lets a team make one change a second on a Plane that allows 60 requests a minute, and measures what is left. */
export async function runBusyTeam(sizes: BusyTeamSizes): Promise<BusyTeamFigures> {
  const { tasks, agents, hasAgentKeys = false } = sizes;
  const items: Item[] = [];
  const product = await startSimulatedProduct((plane, env) => {
    const { project, users, agents: agentSettings } = addAgentTeam(plane, agents);
    if (hasAgentKeys) Object.assign(env, createAgentKeys(plane, users));
    for (let i = 0; i < tasks; i += 1) {
      // Every third task is an agent's.
      const user = i % 3 === 0 ? users[(i / 3) % users.length] : undefined;
      items.push(plane.addItem(project, { name: `Task ${i + 1}`, ...toItemOwnership(user) }));
    }
    return {
      agents: agentSettings,
      notifications: [{ events: ["completed", "blocked"] }],
    };
  });
  try {
    return await measureBusyTeam(product, items, sizes);
  } finally {
    await product.stop();
  }
}

async function measureBusyTeam(
  product: SimulatedProduct,
  items: Item[],
  { duration, pollInterval }: Pick<BusyTeamSizes, "duration" | "pollInterval">,
): Promise<BusyTeamFigures> {
  const { plane, time, events, attempts } = product;
  await time.advanceUntilSettled(product.startPoll());
  await time.advanceUntil(async () => (await product.countPendingJobs()) === 0);
  await time.advance(2 * MINUTE);
  const attemptsBefore = attempts.details;
  const requestsBefore = product.listRequests().length;

  const random = createSeededRandom(7);
  const blocks: Block[] = [];
  const begin = time.clock();
  const end = begin + duration;
  let lastPollAt = begin;
  let idleAt: Ms | undefined;
  const polls: Promise<unknown>[] = [];
  while (time.clock() < end + REST_MS) {
    if (time.clock() >= lastPollAt + pollInterval) {
      lastPollAt = time.clock();
      for (const block of blocks) block.polledAt ??= lastPollAt;
      polls.push(product.startPoll());
    }
    if (time.clock() < end) makeChange(product, items, random, blocks);
    await product.deliverWebhooks();
    await time.advance(SECOND);
    if (time.clock() >= end) idleAt = (await product.countPendingJobs()) === 0 ? (idleAt ?? time.clock()) : undefined;
  }
  await time.advanceUntilSettled(Promise.all(polls));
  const pendingJobs = await product.countPendingJobs();
  const requests = product.listRequests().slice(requestsBefore);
  // A block after the last poll could not be seen by any.
  const polledBlocks = blocks.flatMap((block) =>
    block.polledAt === undefined ? [] : [{ ...block, polledAt: block.polledAt }],
  );
  const delays = polledBlocks.map(({ blocked, polledAt, at }) => {
    const found = events.find((event) => event.kind === "blocked" && event.record === `item:${blocked.id}`);
    return found && found.at >= at ? Math.max(0, found.at - polledAt) : undefined;
  });
  return {
    pendingJobs,
    idleAfter: (idleAt ?? Number.POSITIVE_INFINITY) - end,
    blockDelays: delays.filter((delay) => delay !== undefined),
    missedBlocks: delays.filter((delay) => delay === undefined).length,
    requests: requests.length,
    detailsRequests: countDetailsRequests(requests),
    attempts: attempts.details - attemptsBefore,
    refusedRequests: plane.ledger.requests.filter(({ status }) => status === 429).length,
  };
}

/** Makes one change: mostly comments and edits, some new blocks, some completed and new tasks. */
function makeChange({ plane, time }: SimulatedProduct, items: Item[], random: () => number, blocks: Block[]) {
  const pick = <T>(candidates: readonly T[]): T => {
    const picked = candidates[Math.floor(random() * candidates.length)];
    if (picked === undefined) throw new Error("There is nothing left to change.");
    return picked;
  };
  const item = pick(items);
  const kind = random();
  if (kind < 0.4) plane.addComment(item, `<p>Progress at ${time.clock()}</p>`);
  else if (kind < 0.6) plane.editItem(item, { priority: pick(["urgent", "high", "medium", "low", "none"] as const) });
  else if (kind < 0.75) plane.editItem(item, { state: pick(["Todo", "In Progress"]) });
  else if (kind < 0.82) plane.editItem(item, { name: `${item.name} (${time.clock() % 1_000_000})` });
  else if (kind < 0.92) {
    // Each task is part of one block at most and stays open then.
    const [blocked, blocker] = [pick(items), pick(items)];
    if (blocked.id === blocker.id) return;
    plane.relate(blocked, blocker, random() < 0.5 ? { onto: "blocker" } : {});
    for (const part of [blocked, blocker]) items.splice(items.indexOf(part), 1);
    blocks.push({ blocked, at: time.clock() });
  } else if (kind < 0.96) {
    plane.editItem(item, { state: "Done" });
    items.splice(items.indexOf(item), 1);
  } else items.push(plane.addItem(item.project, { name: `New task at ${time.clock()}` }));
}

/** Measures whether Groundcrew keeps up with a busy team within the default quota of Plane. */
export async function benchBusyTeam(sizes: BusyTeamSizes): Promise<BenchLine[]> {
  const figures = await runBusyTeam(sizes);
  const { idleAfter, blockDelays, missedBlocks, pendingJobs } = figures;
  const minutes = sizes.duration / MINUTE;
  const changes = `1 change a second for ${minutes} min on ${sizes.tasks} tasks, a poll every ${sizes.pollInterval / MINUTE} min, 60 requests a minute`;
  const slowest = Math.max(...blockDelays) / SECOND;
  const team = `busy team, ${sizes.tasks} tasks`;
  const idle = Number.isFinite(idleAfter) ? `none after ${Math.round(idleAfter / SECOND)} s` : "some until the end";
  return [
    {
      what: `busy team: ${changes}: jobs left 3 min after the end`,
      ours: `${pendingJobs} (${idle})`,
      aim: "0",
      met: pendingJobs === 0,
    },
    {
      what: `${team}: a poll that can show a block → block found`,
      ours: `${blockDelays.length} blocks, slowest ${Math.round(slowest)} s, ${missedBlocks} missed`,
      aim: "≤ 60 s, 0 missed",
      met: slowest <= 60 && missedBlocks === 0,
    },
    {
      what: `${team}: attempts to read details / requests for them`,
      ours: `${figures.attempts} / ${figures.detailsRequests} (${figures.requests} requests in all, ${figures.refusedRequests} refused)`,
      aim: "≤ 1 attempt per request, 0 refused",
      met: figures.attempts <= figures.detailsRequests && figures.refusedRequests === 0,
    },
  ];
}
