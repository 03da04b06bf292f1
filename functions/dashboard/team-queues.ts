import type { Deps } from "../../shared/app/deps.ts";
import { observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { scanPages } from "../../shared/store/scan-set.ts";
import { compareUrgency, type KeptItem } from "../../shared/task/snapshot.ts";
import { isStartable } from "../../shared/task/startable.ts";
import { readLiveClaims } from "../../shared/work/claims/find-claim.ts";
import { readHiddenTasks } from "../../shared/work/plan-runs/hidden-tasks.ts";
import { isInReview } from "../../shared/work/tasks/is-in-review.ts";

/** Limit of tasks in each list of an agent; the page shows how many there are. */
const MAX_SHOWN = 6;

/** The lists of an agent's open tasks. */
type QueueName = "holds" | "startable" | "waiting" | "review";

/** The first items of a list, the most urgent first, and the number of all. */
interface ItemList {
  total: number;
  items: KeptItem[];
}

/**
 * Divides an agent's open tasks into those that it holds, could claim now, cannot claim yet, and those in review. Reads
 * page by page and keeps only the items that are shown. Makes no request to Plane.
 */
export async function readAgentQueues(
  deps: Pick<Deps, "store">,
  projects: readonly KeptProject[],
  agent: string,
): Promise<Record<QueueName, ItemList>> {
  const isHidden = await readHiddenTasks(deps);
  const readable = new Set(projects.map(({ id }) => id));
  const createList = (): ItemList => ({ total: 0, items: [] });
  const queues = { holds: createList(), startable: createList(), waiting: createList(), review: createList() };
  for await (const rows of scanPages<KeptItem>(deps, observedSets.tasks(agent))) {
    const items = rows.map(({ value }) => value).filter(({ snapshot }) => readable.has(snapshot.project));
    const claims = await readLiveClaims(
      deps,
      items.map(({ snapshot }) => snapshot.id),
    );
    for (const [i, item] of items.entries()) {
      const list = queues[findQueue(item, claims[i]?.agent)];
      list.total += 1;
      list.items.push(item);
    }
    for (const list of Object.values(queues))
      list.items = list.items.sort((a, b) => compareUrgency(a.snapshot, b.snapshot)).slice(0, MAX_SHOWN);
  }
  return queues;

  function findQueue(item: KeptItem, holder: string | undefined): QueueName {
    if (holder === agent) return "holds";
    if (isInReview(item)) return "review";
    return holder === undefined && isStartable(item, agent) && !isHidden(item) ? "startable" : "waiting";
  }
}
