/** The page of a ticket: the ticket with all its rounds, and what its branch changes. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { type Difference, readDifference } from "../../shared/tickets/differences.ts";
import { describePolicy } from "../../shared/tickets/policies.ts";
import { getTicket } from "../../shared/tickets/stored-tickets.ts";
import { readTicketPage } from "../../shared/tickets/ticket-page.ts";
import { countChanges, parseDiff } from "../../shared/tickets/unified-diff.ts";
import { readTicketKey } from "./ticket-routes.ts";

const countSchema = z.coerce.number().int().min(1).optional();

const diffQuerySchema = z.object({ run: countSchema, round: countSchema });

/** Shows the policy of a repository, one ticket, and below `/diff` the unified diff of its branch, or its files and counts as JSON. */
export const ticketPageRoute: Route = { path: "/api/tickets", access: "page", app: createTicketPageApp };

function createTicketPageApp(deps: Deps): Hono {
  return new Hono()
    .get("/policies/:id", async (c) => answerCleanJson(c, await describePolicy(deps, c.req.param("id"))))
    .get("/:ticket", async (c) =>
      answerCleanJson(c, await readTicketPage(deps, await getTicket(deps, readTicketKey(c)))),
    )
    .get("/:ticket/diff", async (c) => {
      const ticket = await getTicket(deps, readTicketKey(c));
      const { run = ticket.run, round = ticket.round } = parseDiffQuery(c.req.query());
      const difference = await readDifference(deps, { key: ticket.key, run, round });
      if (!difference)
        throw new GroundcrewError("not_found", `No commit of ${ticket.key} has been reported in this run.`);
      c.header("Vary", "Accept");
      if (!c.req.header("accept")?.includes("application/json")) return c.text(difference.text);
      return answerCleanJson(c, describeDifference(difference));
    });
}

/** Parses which round's difference is wanted. Throws `bad_request`. */
function parseDiffQuery(query: Record<string, string>) {
  const parsed = diffQuerySchema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw new GroundcrewError("bad_request", "run and round are whole numbers from 1; without them the newest counts.");
}

/** The files of a difference with their counts. `left_out`: number of files of which it has nothing. */
function describeDifference({ run, round, commit, text, left_out }: Difference) {
  const files = parseDiff(text);
  const { insertions, deletions } = countChanges(files);
  const listed = files.map(({ path, from, status, insertions: added, deletions: deleted, isBinary }) => {
    const counts = { insertions: added, deletions: deleted };
    return { path, status, ...counts, ...omitUndefined({ from }), ...(isBinary ? { binary: true } : {}) };
  });
  return { run, round, commit, files: listed, insertions, deletions, ...(left_out > 0 ? { left_out } : {}) };
}
