/** A project's plan: which of its tasks are shown, their places in the graph, and the forecast of its end. */

import { Hono } from "hono";
import { roundAmount } from "../../shared/accounting/spending.ts";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps, type Viewer } from "../../shared/people/viewer.ts";
import { type EdgeRecord, listReadableProjects, type ProjectRecord } from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import type { Store } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/records.ts";
import { compareText, compareUrgency, type ItemRecord, isInReview, isOpenItem } from "../../shared/task/snapshot.ts";
import { createForecaster } from "../../shared/tasks/forecast.ts";
import { countTasks, readPlanRuns } from "../../shared/tasks/task-counts.ts";
import type { Ms } from "../../shared/time.ts";
import { type CardDeps, readCards, readOpenItems, toBoardPlan } from "./cards.ts";
import {
  assignLayers,
  breakCycles,
  collectNeighbours,
  type Dependency,
  findCriticalPath,
  layoutGraph,
} from "./plan-graph.ts";

/** A project's tasks with what they wait for. */
interface ProjectTasks {
  /** By id: its open tasks, its finished ones unless they are folded, and tasks of other projects that block it. */
  items: ReadonlyMap<string, ItemRecord>;
  dependencies: Dependency[];
  /** Number of all its tasks, and of those that are done or cancelled. */
  total: number;
  closed: number;
  /** Number of finished tasks that were not read, and of open ones beyond the limit. */
  folded: number;
  beyond: number;
  /** Number of tasks whose dependencies the first look at Plane has not read yet. */
  unread: number;
}

/** The work that an open task still needs; without `ms` or `cost`, that amount is unknown. */
interface RemainingWork {
  ms?: Ms;
  cost?: number;
}

/** Limit of a project's tasks up to which its finished tasks are part of the picture; in larger ones they are folded. */
const MAX_TASKS_WITH_FINISHED = 120;

/** Limit of blockers from other projects, and of finished ones, that are read for one picture. */
const MAX_OTHER_ITEMS = 500;

/** Limit of tasks in the graph; more cannot be surveyed, and the page stays fast. */
const MAX_GRAPH_TASKS = MAX_TASKS_WITH_FINISHED;

/** Limit of listed tasks without dependencies. */
const MAX_INDEPENDENT_TASKS = 60;

/** A project without any task, or none. */
const NO_TASKS: ProjectTasks = {
  items: new Map(),
  dependencies: [],
  total: 0,
  closed: 0,
  folded: 0,
  beyond: 0,
  unread: 0,
};

/** A project's tasks as a graph of their dependencies, with the critical path and what is left to do. */
export const planRoute: Route = { path: "/api/plan", access: "page", app };

/** Without a project, an answer only lists those to choose from. */
export type PlanGraphAnswer = Awaited<ReturnType<typeof readPlan>>;

/** A project with the number of all its tasks, and of those that are done or cancelled. */
export type PlanProject = PlanGraphAnswer["projects"][number];

/** A task: its vertical centre (`y`) is in units of a task's height, and `ms` the estimated work that is left. */
export type PlanTask = PlanGraphAnswer["tasks"][number];

/** A dependency: `to` waits for `from`. `via` are the points between, as layer and vertical centre. */
export type PlanLine = PlanGraphAnswer["lines"][number];

function app(deps: CardDeps): Hono {
  return new Hono().get("/", async (c) => answerCleanJson(c, await readPlan(deps, c.get("viewer"), c.req.query())));
}

async function readPlan(allDeps: CardDeps, viewer: Viewer, query: Record<string, string>) {
  const deps = limitDeps(allDeps, viewer);
  // A plan may be named by its own id instead of its project.
  const asked = query["plan"];
  const run = asked === undefined ? undefined : (await readPlanRuns(deps)).find(({ id }) => id === asked);
  const wanted = (run ? run.project : query["project"])?.toUpperCase();
  const readable = await listReadableProjects(deps);
  const projects = await Promise.all(
    readable.map(async (project) => {
      const { identifier, name } = project;
      return { identifier, name, ...(await countTasks(deps, project)) };
    }),
  );
  // With one project there is nothing to choose.
  const project = readable.find(({ identifier }) =>
    wanted ? identifier.toUpperCase() === wanted : readable.length === 1 && !asked,
  );
  return omitUndefined({
    ...(await drawPlan(deps, readable, project)),
    projects: projects.sort((a, b) => compareText(a.identifier, b.identifier)),
    project: projects.find(({ identifier }) => identifier === project?.identifier),
    plan: run && (await toBoardPlan(deps.store, run)),
    currency: deps.settings.budget?.currency,
    at: await deps.store.now(),
  });
}

/** The tasks of a project that are shown, with their places, what is left out, and the forecast. */
async function drawPlan(deps: CardDeps, projects: readonly ProjectRecord[], project: ProjectRecord | undefined) {
  const tasks = project ? await readProjectTasks(deps, project) : NO_TASKS;
  const { items, dependencies, unread } = tasks;
  const id = project?.id ?? "";
  const remaining = await forecastRemainingWork(deps, items.values());
  const { forecast, path } = forecastPlan(id, items, dependencies, remaining);
  const { connected, independent, leftOut } = chooseShownTasks(id, tasks, path);
  const graph = layoutGraph(connected, dependencies);
  const shownItems = [...connected, ...independent].flatMap((one) => items.get(one) ?? []);
  const cards = new Map((await readCards(deps, projects, shownItems)).map((card) => [card.id, card]));

  function toPlanTasks(ids: readonly string[]) {
    return ids.flatMap((one) => {
      const card = cards.get(one);
      const { layer, y } = graph.places.get(one) ?? { layer: 0, y: 0 };
      const marks = { critical: mark(path.includes(one)), cycle: mark(graph.onCycle.has(one)) };
      return card ? [{ card, layer, y, ...omitUndefined({ ms: remaining.get(one)?.ms, ...marks }) }] : [];
    });
  }

  return {
    tasks: toPlanTasks(connected).sort((a, b) => a.layer - b.layer || a.y - b.y),
    lines: graph.lines.map(({ from, to, via, backwards: cycle }) => ({
      ...{ from, to, via: via.map(({ layer, y }): [number, number] => [layer, y]) },
      ...omitUndefined({ critical: mark(path.includes(from) && path[path.indexOf(from) + 1] === to), cycle }),
    })),
    layers: graph.layers,
    height: graph.height,
    independent: toPlanTasks(independent),
    left_out: { ...leftOut, dependencies: graph.hiddenLines },
    unread,
    forecast,
  };
}

/** Reads the tasks of a project and their dependencies. The number of reads is bounded for a project of any size. */
async function readProjectTasks(
  { store }: { store: Pick<Store, "scan" | "count" | "read"> },
  project: ProjectRecord,
): Promise<ProjectTasks> {
  const { total, closed } = await countTasks({ store }, project);
  const hasFinished = total <= MAX_TASKS_WITH_FINISHED;
  const open = await readOpenItems(store, [project]);
  const all = hasFinished
    ? (await readAllRows<ItemRecord>({ store }, observedSets.items(project.id))).map(({ value }) => value)
    : open.items;
  const items = new Map(all.map((item) => [item.snapshot.id, item]));
  const dependencies = all.flatMap(({ snapshot, blockers }) => blockers.map((from) => ({ from, to: snapshot.id })));
  if (hasFinished)
    for (const id of items.keys())
      for (const { value } of await readAllRows<EdgeRecord>({ store }, observedSets.blockers(id)))
        if (!value.isBlockerMissing) dependencies.push({ from: value.blocker, to: id });
  const others = [...new Set(dependencies.map(({ from }) => from))].filter((id) => !items.has(id));
  const stored = await store.read<ItemRecord>(others.slice(0, MAX_OTHER_ITEMS).map(observedKeys.item));
  for (const record of stored)
    if (record && record.value.removedAt === undefined) items.set(record.value.snapshot.id, record.value);
  return {
    items,
    dependencies: dependencies.filter(({ from }) => items.has(from)),
    total,
    closed,
    folded: hasFinished ? 0 : closed,
    beyond: open.beyond,
    unread: all.filter((item) => isOpenItem(item) && item.blockersUnknown).length,
  };
}

/** Forecasts what each open task still needs, by id. A task in review needs no more work. */
async function forecastRemainingWork(
  deps: Pick<Deps, "store">,
  items: Iterable<ItemRecord>,
): Promise<Map<string, RemainingWork>> {
  const open = [...items].filter(isOpenItem);
  const active = open.filter((item) => !isInReview(item));
  const forecasts = await createForecaster(deps)(active);
  const remaining = new Map<string, RemainingWork>(open.map(({ snapshot }) => [snapshot.id, { ms: 0, cost: 0 }]));
  for (const [i, { snapshot }] of active.entries()) remaining.set(snapshot.id, forecasts[i] ?? {});
  return remaining;
}

/**
 * Finds the critical path among the open tasks and sums up what is left in the project. Tasks of other projects are on
 * the path when it depends on them, and in no sum. A task without an estimate counts as the mean of the others when
 * paths are compared, and as nothing in the sums.
 */
function forecastPlan(
  project: string,
  items: ReadonlyMap<string, ItemRecord>,
  dependencies: readonly Dependency[],
  remaining: ReadonlyMap<string, RemainingWork>,
) {
  const ids = [...remaining.keys()].sort(compareText);
  /** The estimates that there are of these tasks. */
  const list = (tasks: readonly string[], of: "ms" | "cost") => tasks.flatMap((id) => remaining.get(id)?.[of] ?? []);
  const allTimes = list(ids, "ms");
  const mean = allTimes.length > 0 ? sum(allTimes) / allTimes.length : 1;
  const { forwards } = breakCycles(dependencies.filter(({ from, to }) => remaining.has(from) && remaining.has(to)));
  const longest = findCriticalPath(ids, collectNeighbours(forwards), (id) => remaining.get(id)?.ms ?? mean);
  // A single task is no path, and says nothing about what to do first.
  const path = longest.length > 1 ? longest : [];
  const own = ids.filter((id) => items.get(id)?.snapshot.project === project);
  const [times, costs, pathTimes] = [list(own, "ms"), list(own, "cost"), list(path, "ms")];
  const agentTimes = [...Map.groupBy(own, (id) => items.get(id)?.owners?.[0])].map(([agent, tasks]) =>
    agent === undefined ? 0 : sum(list(tasks, "ms")),
  );
  return {
    path,
    forecast: omitUndefined({
      open: own.length,
      unknown: own.length - times.length,
      // The chain of dependent tasks with the most work.
      path: { tasks: path.length, unknown: path.length - pathTimes.length, ms: sum(pathTimes) },
      ms: times.length > 0 ? sum(times) : undefined,
      cost: costs.length > 0 ? roundAmount(sum(costs)) : undefined,
      // If all agents work without a break, each on one task at a time.
      earliest_ms: times.length > 0 ? Math.max(sum(list(longest, "ms")), ...agentTimes) : undefined,
    }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * Chooses the tasks that the plan shows: first those on the critical path, then by layer and urgency, so that what can
 * be started is never left out for what comes later.
 */
function chooseShownTasks(project: string, tasks: ProjectTasks, path: readonly string[]) {
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
function compareTasks(items: ReadonlyMap<string, ItemRecord>, a: string, b: string): number {
  const [first, second] = [items.get(a), items.get(b)];
  if (!first || !second) return compareText(a, b);
  return (
    Number(isOpenItem(second)) - Number(isOpenItem(first)) ||
    compareUrgency(first.snapshot, second.snapshot) ||
    first.snapshot.sequence - second.snapshot.sequence ||
    compareText(a, b)
  );
}

function mark(isMarked: boolean): true | undefined {
  return isMarked || undefined;
}
