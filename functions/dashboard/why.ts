import { Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import type { Person } from "../../shared/observe/names.ts";
import type { Row } from "../../shared/store/port.ts";
import { itemTrail, trail, type Why } from "../../shared/why/trail.ts";
import { createFates } from "./fate.ts";

/** For each thing that happened: what was seen, by which rule something was done about it or why nothing, and how that went. */
export const why: Route = { path: "/api/why", access: "page", app };

const DEFAULT = 50;
const MOST = 200;

function app(deps: Pick<Deps, "store" | "cache">): Hono {
  const fatesOf = createFates(deps);
  return new Hono().get("/", async (c) => {
    const { item, limit, before } = c.req.query();
    const size = Math.min(Math.max(Math.trunc(Number(limit)) || DEFAULT, 1), MOST);
    const set = item ? itemTrail(item) : trail;
    const { rows, next } = await deps.store.scan<Why>(set, before || undefined, size);
    const fates = await fatesOf(rows.flatMap(({ value }) => value.asked));
    const told = await Promise.all(rows.map((row) => asTold(row)));
    return c.json({ rows: told, ...(next !== undefined && { next }) });

    async function asTold({ key, value }: Row<Why>) {
      const { asked, event, record: _, rev, ...rest } = value;
      const who = "who" in event ? await deps.cache.getItem<Person>(`person:${event.who}`) : undefined;
      return {
        id: key,
        ...rest,
        rev,
        event: { ...event, ...(who && { name: who.name }) },
        asked: asked.map((one) => ({ rule: one.rule, target: shownTarget(one.target), fate: fates.get(one.job) })),
      };
    }
  });
}

/** An address may hold what is nobody's business; its host tells enough. */
function shownTarget(target: string): string {
  if (!target.startsWith("forward:")) return target;
  return `forward:${URL.parse(target.slice("forward:".length))?.host ?? "?"}`;
}
