import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import { auditSets, type Call } from "../../shared/audit.ts";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import type { Row } from "../../shared/store/port.ts";

/** Who called which tool about what, and how it ended: newest first, kept 30 days. */
export const audit: Route = { path: "/audit", access: "admin", app };

const DEFAULT = 100;
const MOST = 1_000;
/** So many lines are looked through for those of one agent; `next` goes on from there. */
const LOOKED = 10_000;

const wanted = z.object({
  agent: z.string().max(64).optional(),
  task: z.string().max(64).optional(),
  /** As the answer before gave it in `next`. */
  after: z.string().max(400).optional(),
  limit: z.coerce.number().int().min(1).max(MOST).default(DEFAULT),
});

function unlessRight(result: { success: boolean }) {
  if (!result.success)
    throw new GroundcrewError("bad_request", `Give agent, task, after and limit (1 to ${MOST}), or none of them.`);
}

function app({ store }: Pick<Deps, "store">): Hono {
  return new Hono().get("/", zValidator("query", wanted, unlessRight), async (c) => {
    const { agent, task, after, limit } = c.req.valid("query");
    const set = task === undefined ? auditSets.all : auditSets.about(taskName(task));
    const rows: Row<Call>[] = [];
    let from = after;
    for (let looked = 0; looked < LOOKED; looked += MOST) {
      const page = await store.scan<Call>(set, from, agent === undefined ? limit : MOST);
      from = page.next;
      for (const row of page.rows) {
        if (agent !== undefined && row.value.agent !== agent) continue;
        rows.push(row);
        if (rows.length < limit) continue;
        from = page.next !== undefined || row !== page.rows.at(-1) ? row.key : undefined;
        return c.json(told(rows, from));
      }
      if (from === undefined) break;
    }
    return c.json(told(rows, from));
  });
}

function told(rows: readonly Row<Call>[], next: string | undefined) {
  const calls = rows.map(({ value: { at, ...call } }) => ({ at: new Date(at).toISOString(), ...call }));
  return { calls, ...(next !== undefined && { next }) };
}

/** Keys are kept in capitals, Plane's ids in small letters. */
function taskName(task: string): string {
  const name = task.trim();
  return /^[0-9a-f-]{36}$/i.test(name) ? name.toLowerCase() : name.toUpperCase();
}
