import { keepDefined } from "../../keep-defined.ts";
import { findAgentByEmail } from "../../observe/event-actor.ts";
import { findPlanePerson } from "../../observe/name-cache.ts";
import { isOpenItem } from "../../task/diff.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { readHiddenTasks } from "../plan-runs/hidden-tasks.ts";
import type { Task } from "../tasks/find-task.ts";

/** The agents of the settings whose accounts are mentioned. Sends a request only for users that are not known yet. */
export async function findMentionedAgents(deps: WorkDeps, mentions: readonly string[]): Promise<string[]> {
  const people = await Promise.all(mentions.map((id) => findPlanePerson(deps, id)));
  return [...new Set(keepDefined(people.map((person) => person && findAgentByEmail(deps, person)?.name)))];
}

/**
 * The agents that work on an open task or shall do so: those it belongs to, and the one that holds it. A closed task,
 * and one whose plan is not complete, concerns no agent.
 */
export async function findTaskWorkers(deps: WorkDeps, { id, item }: Task): Promise<string[]> {
  if (!isOpenItem(item) || (await readHiddenTasks(deps))(item)) return [];
  const claim = await findClaim(deps, id);
  const known = deps.settings.agents.map(({ name }) => name);
  return [...new Set(keepDefined([...(item.owners ?? []), claim?.agent]))].filter((name) => known.includes(name));
}
