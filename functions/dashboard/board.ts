import { Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { readableProjects } from "../../shared/observe/projects.ts";
import { VERSION } from "../../shared/version.ts";
import { type CardDeps, cardsOf } from "./cards.ts";
import { COLUMNS, columnOf, inOrder } from "./columns.ts";
import { openItems, recentlyDone } from "./items.ts";

/** The work items by state, with who has them and what they wait for, and how Groundcrew itself is. */
export const board: Route = { path: "/api/board", access: "page", app };

/** So many cards are sent of one column; its total says how many there are. */
const SHOWN = 200;

type BoardDeps = CardDeps & Pick<Deps, "health">;

function app(deps: BoardDeps): Hono {
  const { settings, store, health } = deps;
  return new Hono().get("/", async (c) => {
    const wanted = c.req.query("project")?.toUpperCase();
    const projects = await readableProjects(deps);
    const chosen = projects.filter(({ identifier }) => !wanted || identifier.toUpperCase() === wanted);
    const open = await openItems(store, chosen);
    const done = await recentlyDone(store, chosen);
    const columns = COLUMNS.map((name) => {
      const items = [...open.items, ...done].filter((item) => columnOf(item) === name);
      return { name, total: items.length, items };
    });
    const shown = columns.flatMap(({ items }) => items);
    const cards = await cardsOf(deps, projects, shown);
    const { queues } = await store.stats();
    return c.json({
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
          .sort(inOrder)
          .slice(0, SHOWN),
      })),
      /** Open items beyond those that were looked at. */
      beyond: open.beyond,
      health: { plane: health.of("plane"), ...(settings.telegram && { telegram: health.of("telegram") }) },
      waiting: { telegram: queues.outbox.pending, forward: queues.forward.pending },
      set_aside: Object.values(queues).reduce((sum, { dead }) => sum + dead, 0),
    });
  });
}
