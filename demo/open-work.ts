import type { Item, Project } from "../simulators/plane/types.ts";
import type { Stage } from "./scenes.ts";

/** Label of a task whose result a human reviews. */
const REVIEW_LABEL = "review";

/** Whether an agent has a task in Plane that it could still work on: open, unblocked, and not in review. */
export function hasOpenWork({ plane, agents }: Stage): boolean {
  const closedStates = new Set<string>();
  const items: { project: Project; item: Item }[] = [];
  for (const project of plane.projects()) {
    for (const { id, group } of plane.states(project))
      if (group === "completed" || group === "cancelled") closedStates.add(id);
    items.push(...plane.items(project).map((item) => ({ project, item })));
  }
  const closed = new Set(items.filter(({ item }) => closedStates.has(item.state)).map(({ item }) => item.id));
  return items.some(({ project, item }) => {
    const names = plane.labels(project).flatMap(({ id, name }) => (item.labels.includes(id) ? [name] : []));
    const isOwned = [...agents.values()].some(
      ({ id, display_name }) => item.assignees.includes(id) || names.includes(`agent:${display_name.toLowerCase()}`),
    );
    const isBlocked = plane.blockers(item).some((blocker) => !closed.has(blocker));
    return isOwned && !isBlocked && !closed.has(item.id) && !names.includes(REVIEW_LABEL);
  });
}
