import { observedSets } from "../shared/observe/store-keys.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../shared/time.ts";
import type { Item } from "../simulators/plane/types.ts";
import { addAgentTeam, toItemOwnership } from "./agent-team.ts";
import { countDetailsRequests, startSimulatedProduct } from "./simulated-product.ts";

export interface AdoptionFigures {
  /** Time from the first poll until the relations of every open agent's task were read. */
  agentsReadAfter: Ms;
  /** Time until the details of every item were read; infinite when that took more than 2 hours. */
  allReadAfter: Ms;
  requests: number;
  /** Requests for comments and relations. */
  detailsRequests: number;
  /** Number of times that a job of details was taken from the queue. */
  attempts: number;
}

const POLL_INTERVAL_MS = 5 * MINUTE;
const TASKS_PER_AGENT = 8;

/**
 * Starts the product on a Plane with this many open items, on 60 requests a minute. Each agent's tasks are blocked by
 * another item, and are the oldest, which Plane lists last.
 */
export async function runAdoption({ items, agents }: { items: number; agents: number }): Promise<AdoptionFigures> {
  const agentTasks: Item[] = [];
  const product = await startSimulatedProduct((plane) => {
    const { project, users, agents: agentSettings } = addAgentTeam(plane, agents);
    for (let i = 0; i < items; i += 1) {
      const user = i < agents * TASKS_PER_AGENT ? users[i % agents] : undefined;
      const item = plane.addItem(project, { name: `Item ${i + 1}`, ...toItemOwnership(user) });
      if (user) agentTasks.push(item);
      const task = agentTasks[i - agents * TASKS_PER_AGENT];
      if (!user && task) plane.relate(task, item);
    }
    return { agents: agentSettings };
  });
  const { time, store, attempts } = product;
  try {
    const begin = time.clock();
    let lastPollAt = begin;
    const polls: Promise<unknown>[] = [product.startPoll()];
    let agentsReadAfter = Number.POSITIVE_INFINITY;
    let allReadAfter = Number.POSITIVE_INFINITY;
    while (time.clock() < begin + 2 * HOUR && allReadAfter === Number.POSITIVE_INFINITY) {
      if (time.clock() >= lastPollAt + POLL_INTERVAL_MS) {
        lastPollAt = time.clock();
        polls.push(product.startPoll());
      }
      await time.advance(SECOND);
      const elapsed = time.clock() - begin;
      const waiting = await store.count(observedSets.waiting);
      if (waiting === agentTasks.length) agentsReadAfter = Math.min(agentsReadAfter, elapsed);
      if (elapsed > MINUTE && (await product.countPendingJobs()) === 0) allReadAfter = elapsed;
    }
    await time.advanceUntilSettled(Promise.all(polls));
    const requests = product.listRequests();
    return {
      agentsReadAfter,
      allReadAfter,
      requests: requests.length,
      detailsRequests: countDetailsRequests(requests),
      attempts: attempts.details,
    };
  } finally {
    await product.stop();
  }
}
