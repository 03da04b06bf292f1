/** One ticket whole, for the person who judges its result. */

import type { Deps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { readDoneCriteria } from "../tasks/lifecycle/done-criteria.ts";
import { readRounds, toRoundViews } from "./rounds.ts";
import { readSession } from "./stored-tickets.ts";
import { readUpdateProgress, type Ticket } from "./ticket.ts";
import { renderComments } from "./ticket-content.ts";
import { toSessionView } from "./ticket-views.ts";

/** Reads a ticket as it is, what its work item requires, and all its rounds, the newest first. */
export async function readTicketPage(deps: Deps, ticket: Ticket) {
  const [session, task] = await Promise.all([readSession(deps, ticket), findStoredTask(deps, ticket.item.id)]);
  const rounds = toRoundViews(await readRounds(deps, ticket, session));
  const { description, comment, comments } = ticket.shown.content;
  return {
    ...toSessionView(deps.settings, ticket, session),
    ...readUpdateProgress(ticket),
    ...omitUndefined({ done_when: task && (await readDoneCriteria(deps, task)) }),
    ...omitUndefined({ problem: ticket.update?.problem, comment, comments: comments && renderComments(comments) }),
    description,
    rounds,
  };
}

/** The response of `GET /api/tickets/:key`. */
export type TicketPageAnswer = Awaited<ReturnType<typeof readTicketPage>>;
