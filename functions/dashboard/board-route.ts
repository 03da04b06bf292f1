import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { addLongHold, readLongHolds } from "../../shared/app/long-holds.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { readFirstLook } from "../../shared/observe/first-look.ts";
import { listReadableProjects } from "../../shared/observe/project-record.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createRedactor } from "../../shared/redact.ts";
import { findCapacityWarnings } from "../../shared/store/capacity.ts";
import { ticketSets } from "../../shared/tickets/ticket.ts";
import { VERSION } from "../../shared/version.ts";
import { readUploads } from "../../shared/work/deliverables/upload-progress.ts";
import { readStoredBudget } from "../../shared/work/forecast/budget.ts";
import type { BoardAnswer, BoardBudget, StoreTrouble } from "./api-answers.ts";
import { BOARD_COLUMNS, compareCards, toBoardColumn } from "./board-cards.ts";
import { readOpenItems, readRecentlyClosedItems } from "./board-items.ts";
import { readBoardPlans } from "./board-plans.ts";
import { type CardDeps, readCards } from "./cards.ts";

/** The board: work items by column with their claims and blockers, and the health of Groundcrew itself. */
export const boardRoute: Route = { path: "/api/board", access: "page", app };

/** Limit of cards per column in the response; the column's total counts all. */
const MAX_CARDS_PER_COLUMN = 200;

type BoardDeps = CardDeps & Pick<Deps, "health" | "storeHealth">;

function app(deps: BoardDeps): Hono {
  const { settings, store, health } = deps;
  return new Hono().get("/", async (c) => {
    const projectFilter = c.req.query("project")?.toUpperCase();
    const projects = await listReadableProjects(deps);
    const selectedProjects = projects.filter(
      ({ identifier }) => !projectFilter || identifier.toUpperCase() === projectFilter,
    );
    const open = await readOpenItems(store, selectedProjects);
    const done = await readRecentlyClosedItems(store, selectedProjects);
    const columns = BOARD_COLUMNS.map((name) => {
      const items = [...open.items, ...done].filter((item) => toBoardColumn(item) === name);
      return { name, total: items.length, items };
    });
    const shownItems = columns.flatMap(({ items }) => items);
    const cards = await readCards(deps, projects, shownItems);
    const { queues } = await store.stats();
    const holds = await readLongHolds(store);
    return answerCleanJson(c, {
      version: VERSION,
      demo: settings.demo,
      projects: projects
        .map(({ identifier, name }) => ({ identifier, name }))
        .sort((a, b) => (a.identifier < b.identifier ? -1 : 1)),
      columns: columns.map(({ name, total }) => ({
        name,
        total,
        cards: cards
          .filter((card) => card.column === name)
          .sort(compareCards)
          .slice(0, MAX_CARDS_PER_COLUMN),
      })),
      plans: await readBoardPlans(deps),
      /** Number of open items beyond the limit. */
      beyond: open.beyond,
      health: {
        plane: addLongHold(health.get("plane"), "plane", holds.plane),
        ...omitUndefined({
          telegram: settings.telegram ? addLongHold(health.get("telegram"), "telegram", holds.telegram) : undefined,
          store: readStoreTrouble(deps),
        }),
      },
      waiting: { telegram: queues.outbox.pending, forward: queues.forward.pending },
      set_aside: Object.values(queues).reduce((sum, { dead }) => sum + dead, 0),
      ...omitUndefined({ budget: await readBoardBudget(deps) }),
      ...omitUndefined({ first_look: await readFirstLook(deps) }),
      uploads: await readUploads(deps),
      ...(settings.tickets ? { tickets: { pending: await store.count(ticketSets.in("pending")) } } : {}),
    } satisfies BoardAnswer);
  });
}

/** The budget of the last minute or two. Before the first run of its tick there is none. */
async function readBoardBudget(deps: BoardDeps): Promise<BoardBudget | undefined> {
  const budget = deps.settings.budget && (await readStoredBudget(deps));
  if (!budget) return undefined;
  const { month, spent, sources, open, unknown, amount, currency, share } = budget;
  return { month, spent, open, unknown, amount, currency, share, ...omitUndefined({ tickets: sources.tickets }) };
}

function readStoreTrouble({ settings, storeHealth }: BoardDeps): StoreTrouble | undefined {
  const failure = storeHealth.getWriteFailure();
  const warnings = findCapacityWarnings(storeHealth.getCapacity());
  if (failure === undefined && warnings.length === 0) return undefined;
  const error = failure === undefined ? undefined : createRedactor(settings.secrets)(failure);
  return { ok: failure === undefined, ...omitUndefined({ error }), warnings };
}
