import type { Deps } from "../../shared/deps.ts";
import { agentsOf } from "../../shared/observe/facts.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { keys, sets } from "../../shared/observe/keys.ts";
import { labelName, person } from "../../shared/observe/names.ts";
import { isReadable } from "../../shared/observe/projects.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";

/** What an agent has to do, as of the last tick: item id to the store time since which it is theirs. */
export interface KeptAgent {
  tasks: Record<string, number>;
}

type AgentDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "log">;

/**
 * The per-agent tick: who has which open tasks, and since when, reckoned from the kept snapshots alone, so that a
 * lost job or a lost store heals (rule 10). No request to Plane, no language model: nothing new costs nothing.
 */
export async function passAgents(deps: AgentDeps): Promise<{ assigned: number; new: number }> {
  if (deps.settings.agents.length === 0) return { assigned: 0, new: 0 };
  const theirs = new Map(deps.settings.agents.map((agent) => [agent.name, new Set<string>()]));
  for await (const { value } of openItems(deps)) {
    const { snapshot } = value;
    const people = await Promise.all(snapshot.assignees.map((id) => person(deps, id)));
    const labels = await Promise.all(snapshot.labels.map((id) => labelName(deps, snapshot.project, id)));
    const owners = agentsOf(
      deps.settings.agents,
      people.filter((who) => who !== undefined),
      labels.filter((label) => label !== undefined),
    );
    for (const owner of owners) theirs.get(owner)?.add(snapshot.id);
  }
  const counts = { assigned: 0, new: 0 };
  for (const [agent, tasks] of theirs) {
    counts.assigned += tasks.size;
    counts.new += await keepTasks(deps, agent, tasks);
  }
  return counts;
}

async function keepTasks(deps: AgentDeps, agent: string, tasks: Set<string>): Promise<number> {
  const key = keys.agent(agent);
  for (;;) {
    const [kept] = await deps.store.read<KeptAgent>([key]);
    const before = kept?.value.tasks ?? {};
    const now = await deps.store.now();
    const next: KeptAgent = { tasks: Object.fromEntries([...tasks].sort().map((id) => [id, before[id] ?? now])) };
    if (kept && JSON.stringify(kept.value) === JSON.stringify(next)) return 0;
    const result = await deps.store.commit({ expect: [[key, kept?.rev ?? 0]], put: [{ key, value: next }] });
    if (result !== "kept") continue;
    const added = [...tasks].filter((id) => before[id] === undefined);
    if (added.length > 0) deps.log.info("agent has new tasks", { agent, tasks: added });
    return added.length;
  }
}

async function* openItems(deps: AgentDeps) {
  const projects = await deps.store.scan<KeptProject>(sets.projects, undefined, 1000);
  for (const { value: project } of projects.rows) {
    if (!isReadable(project)) continue;
    let after: string | undefined;
    do {
      const page = await deps.store.scan<KeptItem>(sets.open(project.id), after);
      yield* page.rows;
      after = page.next;
    } while (after !== undefined);
  }
}
