import type { Deps } from "../app/deps.ts";
import { keepDefined } from "../keep-defined.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { TaskEvent, WorkEvent } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { readTaskResult } from "../work/results/task-result.ts";
import { readTaskFigures } from "../work/time/task-figures.ts";
import type { KeptTimes } from "../work/time/time-entries.ts";
import { type ActorHint, findActor, findAgentByEmail } from "./event-actor.ts";
import { findLabelName, findPlanePerson, type PlanePerson } from "./name-cache.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptCycle, KeptDependencyBlock, KeptProject } from "./stored-records.ts";

export type FactsDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "ruleSets">;

/** Reads the facts that rules may need about an event on a work item, with names instead of ids. */
export async function readItemFacts(
  deps: FactsDeps,
  project: KeptProject,
  item: KeptItem,
  event: TaskEvent | WorkEvent,
  extra: {
    hint?: ActorHint | undefined;
    comment?: EventFacts["comment"];
    /** The item's times after the change, if it stops the timer. */
    times?: KeptTimes;
  } = {},
): Promise<EventFacts> {
  const { snapshot } = item;
  const [assignees, labels, blockers, dependants, actor, blockedByDependency, figures] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => findPlanePerson(deps, id))),
    Promise.all(snapshot.labels.map((id) => findLabelName(deps, project.id, id))),
    readBlockerNames(deps, item.blockers),
    deps.store.count(observedSets.dependants(snapshot.id)),
    findActor(deps, snapshot, event, extra.hint),
    event.kind === "blocked" ? isBlockedByDependency(deps, snapshot.id) : false,
    snapshot.word === "done" ? readTaskFigures(deps, snapshot.id, extra.times) : {},
  ]);
  const labelNames = keepDefined(labels);
  const agents = findTaskAgents(deps.settings.agents, keepDefined(assignees), labelNames);
  const isCompletion = snapshot.word === "done" && event.kind === "completed";
  const result = isCompletion ? await readTaskResult(deps, item) : undefined;
  return {
    item: {
      id: snapshot.id,
      key: `${project.identifier}-${snapshot.sequence}`,
      title: snapshot.name,
      word: snapshot.word,
      priority: snapshot.priority,
      due: snapshot.due,
      url: formatItemUrl(deps.settings.plane, project.identifier, snapshot.sequence),
      assignees: assignees.map((person) => (person ? getPersonName(deps, person) : "?")),
      ...(agents.length > 0 ? { agent: agents.join(", "), agents } : {}),
      labels: labelNames,
      blockers,
      ...figures,
      ...omitUndefined({ result, blockedByDependency: blockedByDependency || undefined }),
      dependants,
    },
    ...toProjectFacts(deps, project, snapshot.updatedAt),
    ...omitUndefined({ comment: extra.comment, actor }),
  };
}

export function toProjectFacts(deps: Pick<Deps, "settings">, project: KeptProject, at: string): EventFacts {
  const { id, identifier, name } = project;
  return { project: { id, identifier, name, url: formatProjectUrl(deps.settings.plane, id) }, at };
}

export function toCycleFacts(
  deps: Pick<Deps, "settings">,
  project: KeptProject,
  cycle: KeptCycle,
  at: string,
): EventFacts {
  const { id, name, start, end, done, total } = cycle;
  return { ...toProjectFacts(deps, project, at), cycle: { id, name, start, end, done, total } };
}

/**
 * Returns the agents a task belongs to: assignees with an agent's account, else the agents named by labels
 * `agent:<name>`.
 */
export function findTaskAgents(
  agents: readonly { name: string; email: string }[],
  assignees: readonly { name: string; email?: string }[],
  labels: readonly string[],
): string[] {
  const findNames = (wanted: (agent: { name: string; email: string }) => boolean) =>
    agents.filter(wanted).map((agent) => agent.name);
  const assignedAgents = findNames(({ email }) =>
    assignees.some((person) => person.email?.toLowerCase() === email.toLowerCase()),
  );
  if (assignedAgents.length > 0) return assignedAgents;
  return findNames(({ name }) => labels.some((label) => label.toLowerCase() === `agent:${name.toLowerCase()}`));
}

/**
 * Returns an agent's name from the settings, because its display name in Plane is often derived from the mailbox; else
 * Plane's.
 */
export function getPersonName(deps: Pick<Deps, "settings">, person: PlanePerson): string {
  return findAgentByEmail(deps, person)?.name ?? person.name;
}

/** Whether Groundcrew has blocked the item, or is blocking it, because of its blockers. */
async function isBlockedByDependency({ store }: FactsDeps, id: string): Promise<boolean> {
  const [stuck] = await store.read<KeptDependencyBlock>([observedKeys.dependencyBlock(id)]);
  return stuck?.value.phase === "blocking" || stuck?.value.phase === "stuck";
}

async function readBlockerNames(deps: FactsDeps, ids: readonly string[]): Promise<{ key: string; title: string }[]> {
  const items = await deps.store.read<KeptItem>(ids.map(observedKeys.item));
  const found = items.flatMap((kept) => (kept ? [kept.value.snapshot] : []));
  const projects = await deps.store.read<KeptProject>(found.map((blocker) => observedKeys.project(blocker.project)));
  return found.map((blocker, i) => ({
    key: `${projects[i]?.value.identifier ?? "?"}-${blocker.sequence}`,
    title: blocker.name,
  }));
}

function formatProjectUrl(plane: { url: string; workspace: string } | undefined, id: string): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/projects/${id}/issues/` : "";
}

/** Formats the address of a work item in Plane's web interface; "" when Plane is not configured. */
export function formatItemUrl(
  plane: { url: string; workspace: string } | undefined,
  identifier: string,
  sequence: number,
): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/browse/${identifier}-${sequence}/` : "";
}
