import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { type AuditEntry, auditSets } from "../../shared/audit/audit-log.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { StoredRow } from "../../shared/store/port.ts";

/** The audit log of tool calls (caller, tool, task, outcome), newest first. Entries are kept for 30 days. */
export const auditRoute: Route = { path: "/audit", access: "admin", app };

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Limit of rows scanned per request when filtering by agent; the next page continues from `next`. */
const MAX_SCANNED = 10_000;

const auditQuerySchema = z.object({
  agent: z.string().max(64).optional(),
  task: z.string().max(64).optional(),
  /** `next` of the previous page. */
  after: z.string().max(400).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
});

function rejectInvalidQuery(result: { success: boolean }) {
  if (!result.success)
    throw new GroundcrewError(
      "bad_request",
      `Invalid query. Allowed parameters: agent, task, after and limit (1 to ${MAX_LIMIT}).`,
    );
}

function app({ store }: Pick<Deps, "store">): Hono {
  return new Hono().get("/", zValidator("query", auditQuerySchema, rejectInvalidQuery), async (c) => {
    const { agent, task, after, limit } = c.req.valid("query");
    const set = task === undefined ? auditSets.all : auditSets.about(normalizeTaskName(task));
    const rows: StoredRow<AuditEntry>[] = [];
    let from = after;
    for (let scanned = 0; scanned < MAX_SCANNED; scanned += MAX_LIMIT) {
      const page = await store.scan<AuditEntry>(set, from, agent === undefined ? limit : MAX_LIMIT);
      from = page.next;
      for (const row of page.rows) {
        if (agent !== undefined && row.value.agent !== agent) continue;
        rows.push(row);
        if (rows.length < limit) continue;
        from = page.next !== undefined || row !== page.rows.at(-1) ? row.key : undefined;
        return c.json(toAuditPage(rows, from));
      }
      if (from === undefined) break;
    }
    return c.json(toAuditPage(rows, from));
  });
}

function toAuditPage(rows: readonly StoredRow<AuditEntry>[], next: string | undefined) {
  const calls = rows.map(({ value: { at, ...call } }) => ({ at: new Date(at).toISOString(), ...call }));
  return { calls, ...omitUndefined({ next }) };
}

/** The audit sets are named by task keys in upper case and by Plane's ids in lower case. */
function normalizeTaskName(task: string): string {
  const name = task.trim();
  return /^[0-9a-f-]{36}$/i.test(name) ? name.toLowerCase() : name.toUpperCase();
}
