import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { listReadableProjects } from "../../shared/observe/project-record.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { countTasks } from "../../shared/work/tasks/count-tasks.ts";
import { type CardDeps, readCards } from "./cards.ts";
import { forecastPlan, forecastRemainingWork } from "./plan-forecast.ts";
import { layoutGraph } from "./plan-graph/layout-graph.ts";
import { chooseShownTasks } from "./plan-picture.ts";
import { readProjectTasks } from "./plan-tasks.ts";
import type { PlanGraphAnswer, PlanProject, PlanTask } from "./view-answers.ts";

/** A project's tasks as a graph of their dependencies, with the critical path and what is left to do. */
export const planRoute: Route = { path: "/api/plan", access: "page", app };

const EMPTY_PLAN = {
  tasks: [],
  lines: [],
  layers: 0,
  height: 0,
  independent: [],
  left_out: { open: 0, finished: 0, dependencies: 0 },
  unread: 0,
  forecast: { open: 0, unknown: 0, path: { tasks: 0, unknown: 0, ms: 0 } },
} as const satisfies Partial<PlanGraphAnswer>;

function app(deps: CardDeps & Pick<Deps, "settings">): Hono {
  return new Hono().get("/", async (c) => {
    const wanted = c.req.query("project")?.toUpperCase();
    const readable = await listReadableProjects(deps);
    const projects = await Promise.all(readable.map((project) => describeProject(deps, project)));
    const answer = {
      projects: projects.sort((a, b) => (a.identifier < b.identifier ? -1 : 1)),
      at: await deps.store.now(),
      ...omitUndefined({ currency: deps.settings.budget?.currency }),
    };
    // With one project there is nothing to choose.
    const project = readable.find(({ identifier }) =>
      wanted ? identifier.toUpperCase() === wanted : readable.length === 1,
    );
    const plan = project ? await readPlan(deps, readable, project) : EMPTY_PLAN;
    const description = projects.find(({ identifier }) => identifier === project?.identifier);
    return answerCleanJson(c, {
      ...answer,
      ...plan,
      ...omitUndefined({ project: description }),
    } satisfies PlanGraphAnswer);
  });
}

async function describeProject(deps: CardDeps, project: KeptProject): Promise<PlanProject> {
  const { identifier, name } = project;
  return { identifier, name, ...(await countTasks(deps, project)) };
}

async function readPlan(deps: CardDeps, projects: readonly KeptProject[], project: KeptProject) {
  const tasks = await readProjectTasks(deps, project);
  const { items, dependencies, unread } = tasks;
  const remaining = await forecastRemainingWork(deps, items.values());
  const { forecast, path } = forecastPlan(project.id, items, dependencies, remaining);
  const { connected, independent, leftOut } = chooseShownTasks(project.id, tasks, path);
  const graph = layoutGraph(connected, dependencies);
  const shownItems = [...connected, ...independent].flatMap((id) => items.get(id) ?? []);
  const cards = new Map((await readCards(deps, projects, shownItems)).map((card) => [card.id, card]));
  const onPath = new Set(path);

  function toPlanTask(id: string): PlanTask[] {
    const card = cards.get(id);
    const { layer, y } = graph.places.get(id) ?? { layer: 0, y: 0 };
    const marks = { ms: remaining.get(id)?.ms, critical: mark(onPath.has(id)), cycle: mark(graph.onCycle.has(id)) };
    return card ? [{ card, layer, y, ...omitUndefined(marks) }] : [];
  }

  return {
    tasks: connected.flatMap(toPlanTask).sort((a, b) => a.layer - b.layer || a.y - b.y),
    lines: graph.lines.map(({ from, to, via, backwards }) => ({
      from,
      to,
      via: via.map(({ layer, y }): [number, number] => [layer, y]),
      ...omitUndefined({
        critical: mark(path.indexOf(from) !== -1 && path.indexOf(from) + 1 === path.indexOf(to)),
        cycle: backwards,
      }),
    })),
    layers: graph.layers,
    height: graph.height,
    independent: independent.flatMap(toPlanTask),
    left_out: { ...leftOut, dependencies: graph.hiddenLines },
    unread,
    forecast,
  };
}

function mark(isMarked: boolean): true | undefined {
  return isMarked || undefined;
}
