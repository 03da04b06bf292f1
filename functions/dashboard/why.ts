import { Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { nameOf } from "../../shared/observe/facts.ts";
import type { Person } from "../../shared/observe/names.ts";
import type { Page, Row, SetName } from "../../shared/store/port.ts";
import { itemTrail, trail, type Why } from "../../shared/why/trail.ts";
import { createFates } from "./fate.ts";

/** For each thing that happened: what was seen, by which rule something was done about it or why nothing, and how that went. */
export const why: Route = { path: "/api/why", access: "page", app };

const DEFAULT = 50;
const MOST = 200;
/** So many lines are looked through for those of one project. */
const LOOKED = 1_000;

function app(deps: Pick<Deps, "store" | "cache" | "settings">): Hono {
  const fatesOf = createFates(deps);
  return new Hono().get("/", async (c) => {
    const { item, limit, before, project } = c.req.query();
    const size = Math.min(Math.max(Math.trunc(Number(limit)) || DEFAULT, 1), MOST);
    const set = item ? itemTrail(item) : trail;
    const { rows, next } = await newest(deps.store, set, { before: before || undefined, size, project });
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
        event: { ...event, ...(who && { name: nameOf(deps, who) }) },
        asked: asked.map((one) => ({ rule: one.rule, target: shownTarget(one.target), fate: fates.get(one.job) })),
      };
    }
  });
}

interface Wanted {
  /** Older than this one. */
  before: string | undefined;
  size: number;
  /** A project's identifier. */
  project: string | undefined;
}

/** The newest lines that are wanted; fewer than `size` with a `next` when they are rare. */
async function newest(
  store: Pick<Deps["store"], "scan">,
  set: SetName,
  { before, size, project }: Wanted,
): Promise<Page<Why>> {
  const rows: Row<Why>[] = [];
  let after = before;
  for (let looked = 0; looked < LOOKED; looked += MOST) {
    const page = await store.scan<Why>(set, after, project ? MOST : size);
    for (const row of page.rows) {
      if (project && row.value.project.identifier !== project) continue;
      rows.push(row);
      if (rows.length === size && (page.next || row !== page.rows.at(-1))) return { rows, next: row.key };
    }
    if (page.next === undefined) return { rows };
    after = page.next;
  }
  return after === undefined ? { rows } : { rows, next: after };
}

/** An address may hold what is nobody's business; its host tells enough. */
function shownTarget(target: string): string {
  if (!target.startsWith("forward:")) return target;
  return `forward:${URL.parse(target.slice("forward:".length))?.host ?? "?"}`;
}
