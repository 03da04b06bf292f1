import { isOpenItem } from "../../shared/task/diff.ts";
import { compareUrgency, type KeptItem } from "../../shared/task/snapshot.ts";
import { assignLayers, collectNeighbours } from "./plan-graph/assign-layers.ts";
import { breakCycles, compareIds } from "./plan-graph/break-cycles.ts";
import { MAX_TASKS_WITH_FINISHED, type ProjectTasks } from "./plan-tasks.ts";

/** Limit of tasks in the graph; more cannot be surveyed, and the page stays fast. */
const MAX_GRAPH_TASKS = MAX_TASKS_WITH_FINISHED;
/** Limit of listed tasks without dependencies. */
const MAX_INDEPENDENT_TASKS = 60;

/** The ids of the tasks that are shown, and how many are not. */
export interface ShownTasks {
  connected: string[];
  independent: string[];
  leftOut: { open: number; finished: number };
}

/**
 * Chooses the tasks that the plan shows: first those on the critical path, then by layer and urgency, so that what can
 * be started is never left out for what comes later.
 */
export function chooseShownTasks(project: string, tasks: ProjectTasks, path: readonly string[]): ShownTasks {
  const { items, dependencies } = tasks;
  const linked = new Set(dependencies.flatMap(({ from, to }) => [from, to]));
  const layers = assignLayers([...items.keys()], collectNeighbours(breakCycles(dependencies).forwards));
  const onPath = new Set(path);
  const getRank = (id: string) => (onPath.has(id) ? -1 : (layers.get(id) ?? 0));
  const connected = [...linked].sort((a, b) => getRank(a) - getRank(b) || compareTasks(items, a, b));
  const independent = [...items.keys()].filter((id) => !linked.has(id)).sort((a, b) => compareTasks(items, a, b));
  const hidden = [...connected.slice(MAX_GRAPH_TASKS), ...independent.slice(MAX_INDEPENDENT_TASKS)]
    .flatMap((id) => items.get(id) ?? [])
    .filter(({ snapshot }) => snapshot.project === project);
  const hiddenOpen = hidden.filter(isOpenItem).length;
  return {
    connected: connected.slice(0, MAX_GRAPH_TASKS),
    independent: independent.slice(0, MAX_INDEPENDENT_TASKS),
    leftOut: { open: hiddenOpen + tasks.beyond, finished: hidden.length - hiddenOpen + tasks.folded },
  };
}

/** Open tasks before closed ones, the one to start first. */
function compareTasks(items: ReadonlyMap<string, KeptItem>, a: string, b: string): number {
  const [first, second] = [items.get(a), items.get(b)];
  if (!first || !second) return compareIds(a, b);
  return (
    Number(isOpenItem(second)) - Number(isOpenItem(first)) ||
    compareUrgency(first.snapshot, second.snapshot) ||
    first.snapshot.sequence - second.snapshot.sequence ||
    compareIds(a, b)
  );
}
