import { itemPut } from "../../shared/observe/item.ts";
import { keys, sets } from "../../shared/observe/keys.ts";
import { handsOf, inHands, sameHandsAs } from "../../shared/observe/owners.ts";
import { readableProjects } from "../../shared/observe/projects.ts";
import type { Job } from "../../shared/store/port.ts";
import { walk } from "../../shared/store/walk.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { isStartable } from "../../shared/wake/actionable.ts";
import { wakeFromState } from "../../shared/wake/state.ts";
import type { WorkDeps } from "../../shared/work/acting.ts";
import { askToGoOn } from "../../shared/work/cut.ts";
import { accountsOf, mirrorJobs } from "../../shared/work/mirror.ts";

/** What an agent has to do, as of the last tick: item id to the store time since which it is theirs. */
export interface KeptAgent {
  tasks: Record<string, number>;
}

/** So many items are asked to be brought in step with their agents at one tick; more come with the next. */
const MIRRORED = 20;

/**
 * The per-agent tick: who has which open tasks, and since when, reckoned from the kept snapshots alone, so that a
 * lost job or a lost store heals (rule 10). No request to Plane, no language model: nothing new costs nothing. Of an
 * item only its id outlives the look at it: a large workspace does not fit into the heap.
 */
export async function passAgents(
  deps: WorkDeps,
  correlation: string,
): Promise<{ assigned: number; new: number; woken: number }> {
  if (deps.settings.agents.length === 0) return { assigned: 0, new: 0, woken: 0 };
  const accounts = await accountsOf(deps);
  const theirs = new Map(deps.settings.agents.map((agent) => [agent.name, new Map<string, boolean>()]));
  const jobs: Job[] = [];
  const inReview: string[] = [];
  for await (const { key, value, rev } of openItems(deps)) {
    const hands = await handsOf(deps, value);
    const item = inHands(value, hands);
    if (!sameHandsAs(value, hands)) await deps.store.commit({ expect: [[key, rev]], put: [itemPut(item)] });
    if (item.review) inReview.push(value.snapshot.id);
    for (const owner of hands.owners ?? [])
      theirs.get(owner)?.set(value.snapshot.id, isStartable(item, owner, undefined));
    if (jobs.length < MIRRORED) jobs.push(...(await mirrorJobs(deps, { item, rev, accounts }, correlation)));
  }
  if (jobs.length > 0) await deps.store.commit({ jobs });
  await askToGoOn(deps, inReview);
  const counts = { assigned: 0, new: 0, woken: 0 };
  for (const agent of deps.settings.agents) {
    const tasks = theirs.get(agent.name) ?? new Map<string, boolean>();
    const ready = [...tasks].filter(([, isReady]) => isReady).map(([id]) => id);
    counts.assigned += tasks.size;
    counts.new += await keepTasks(deps, agent.name, [...tasks.keys()]);
    counts.woken += await wakeFromState(deps, agent, ready);
  }
  return counts;
}

async function keepTasks(deps: WorkDeps, agent: string, ids: readonly string[]): Promise<number> {
  const key = keys.agent(agent);
  for (;;) {
    const [kept] = await deps.store.read<KeptAgent>([key]);
    const before = kept?.value.tasks ?? {};
    const now = await deps.store.now();
    const next: KeptAgent = {
      tasks: Object.fromEntries(ids.toSorted().map((id) => [id, before[id] ?? now])),
    };
    if (kept && JSON.stringify(kept.value) === JSON.stringify(next)) return 0;
    const result = await deps.store.commit({ expect: [[key, kept?.rev ?? 0]], put: [{ key, value: next }] });
    if (result !== "kept") continue;
    const added = ids.filter((id) => before[id] === undefined);
    if (added.length > 0) deps.log.info("agent has new tasks", { agent, tasks: added });
    return added.length;
  }
}

async function* openItems(deps: WorkDeps) {
  for (const project of await readableProjects(deps)) yield* walk<KeptItem>(deps, sets.open(project.id));
}
