/** The board: columns of cards, projects, budget, plans that are made, and Groundcrew's own health. */

import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { addLongPause, readLongPauses } from "../../shared/app/health.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { readPlaneHealth } from "../../shared/notices/notices.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps, type Viewer } from "../../shared/people/viewer.ts";
import { listReadableProjects } from "../../shared/records/plane-records.ts";
import { findCapacityWarnings, type Store } from "../../shared/store/port.ts";
import { readFirstLook } from "../../shared/sync/details.ts";
import { compareText } from "../../shared/task/snapshot.ts";
import { readUploads } from "../../shared/tasks/deliverables/deliver-file.ts";
import { readStoredBudget } from "../../shared/tasks/forecast.ts";
import { readPlanRuns } from "../../shared/tasks/task-counts.ts";
import { ticketSets } from "../../shared/tickets/ticket.ts";
import { DAY } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { BOARD_COLUMNS, type BoardPlan } from "./answers.ts";
import {
  type CardDeps,
  compareCards,
  createItemFilter,
  readCards,
  readOpenItems,
  readRecentlyClosedItems,
  toBoardPlan,
} from "./cards.ts";

type BoardDeps = CardDeps & Pick<Deps, "health" | "storeHealth">;

/** Limit of cards per column in the response; the column's total counts all. */
const MAX_CARDS_PER_COLUMN = 200;

/** Limit of plans on the page. */
const MAX_PLANS = 10;

/** The board: work items by column with their claims and blockers, and the health of Groundcrew itself. */
export const boardRoute: Route = { path: "/api/board", access: "page", app };

export type BoardAnswer = Awaited<ReturnType<typeof readBoard>>;

function app(deps: BoardDeps): Hono {
  return new Hono().get("/", async (c) => answerCleanJson(c, await readBoard(deps, c.get("viewer"), c.req.query())));
}

async function readBoard(allDeps: BoardDeps, viewer: Viewer, query: Record<string, string>) {
  const { settings, health } = allDeps;
  const deps = limitDeps(allDeps, viewer);
  const { store } = deps;
  const wanted = query["project"]?.toUpperCase();
  const projects = await listReadableProjects(deps);
  const selected = projects.filter(({ identifier }) => !wanted || identifier.toUpperCase() === wanted);
  const open = await readOpenItems(store, selected);
  const done = await readRecentlyClosedItems(store, selected);
  const shown = [...open.items, ...done].filter(await createItemFilter(deps, query, viewer));
  const cards = await readCards(deps, projects, shown);
  const { queues } = await store.stats();
  const holds = await readLongPauses(store);
  return omitUndefined({
    version: VERSION,
    demo: settings.demo,
    projects: projects
      .map(({ identifier, name }) => ({ identifier, name }))
      .sort((a, b) => compareText(a.identifier, b.identifier)),
    agents: settings.agents.map(({ name }) => name),
    /** The viewer is a person who may have tasks of their own (`mine=yes`). */
    has_own: viewer.id !== undefined,
    columns: BOARD_COLUMNS.filter((name) => !query["status"] || name === query["status"]).map((name) => {
      const all = cards.filter((card) => card.column === name).sort(compareCards);
      return { name, total: all.length, cards: all.slice(0, MAX_CARDS_PER_COLUMN) };
    }),
    plans: await readBoardPlans(deps),
    beyond: open.beyond,
    health: omitUndefined({
      plane: addLongPause(await readPlaneHealth(deps), "plane", holds.plane),
      telegram: settings.telegram && addLongPause(health.get("telegram"), "telegram", holds.telegram),
      store: readStoreTrouble(deps),
    }),
    waiting: { telegram: queues.outbox.pending, forward: queues.forward.pending },
    set_aside: viewer.role === "admin" ? Object.values(queues).reduce((sum, { dead }) => sum + dead, 0) : 0,
    // The budget is that of all projects.
    budget: viewer.projects ? undefined : await readBoardBudget(deps),
    first_look: await readFirstLook(deps),
    uploads: await readUploads(deps),
    tickets: settings.tickets && { pending: await store.count(ticketSets.in("pending")) },
  });
}

/** Reads the plans that the page shows: those that are not complete, and those proposed or started within a day. */
async function readBoardPlans({ store }: { store: Store }): Promise<BoardPlan[]> {
  const [runs, now] = await Promise.all([readPlanRuns({ store }), store.now()]);
  const plans = await Promise.all(runs.map(async (run) => ({ plan: await toBoardPlan(store, run), at: run.at })));
  return plans
    .filter(({ plan: { state }, at }) => (state !== "done" && state !== "rejected") || at > now - DAY)
    .slice(0, MAX_PLANS)
    .map(({ plan }) => plan);
}

/** Why the store cannot be written, or that it is nearly full. */
function readStoreTrouble({ storeHealth }: BoardDeps) {
  const error = storeHealth.getFailure()?.reason;
  const warnings = findCapacityWarnings(storeHealth.getCapacity());
  if (error === undefined && warnings.length === 0) return undefined;
  return { ok: error === undefined, ...omitUndefined({ error }), warnings };
}

/** The budget of the last minute or two. Before the first run of its tick there is none. */
async function readBoardBudget(deps: BoardDeps) {
  const budget = deps.settings.budget && (await readStoredBudget(deps));
  if (!budget) return undefined;
  const { sources, ...sums } = budget;
  return { ...sums, ...omitUndefined({ tickets: sources.tickets }) };
}
