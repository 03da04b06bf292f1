/**
 * What starts and ends tickets: the rules of the events that request one, and the tick that watches the time of
 * sessions and resumes what a crash interrupted.
 */

import type { TaskDeps, Tick } from "../../shared/app/deps.ts";
import type { TicketSettings } from "../../shared/config/tickets-schema.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import type { WorkJobBody } from "../../shared/jobs/internal-jobs.ts";
import type { AnyEvent, EventKind } from "../../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../../shared/task/rule-set.ts";
import { getTicketProjects } from "../../shared/tickets/approval.ts";
import { approveUpdateByRule } from "../../shared/tickets/completion.ts";
import { readPolicy } from "../../shared/tickets/policy.ts";
import { createSessionRequest } from "../../shared/tickets/questions.ts";
import { changeTicket, readActiveTickets, readSpent, readTickets } from "../../shared/tickets/stored-tickets.ts";
import { hasOpenPlan, listOpen, type Ticket } from "../../shared/tickets/ticket.ts";
import type { NewTicketEvent } from "../../shared/tickets/ticket-machine.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

type TicketJobBody = Extract<WorkJobBody, { type: "ticket" | "ticket_closed" }>;

const STATUS_EVENTS: readonly EventKind[] = ["started", "blocked", "unblocked", "reopened", "restored"];

const CLOSING_EVENTS: readonly EventKind[] = ["completed", "cancelled", "removed", "unassigned"];

const WATCHED_EVENTS = new Set<EventKind>([
  "created",
  "assigned",
  "comment_added",
  ...STATUS_EVENTS,
  ...CLOSING_EVENTS,
]);

/** Time before the end of a session at which a person is asked: 5 min, or a fifth of a shorter session. */
const WARNING_MS: Ms = 5 * MINUTE;

/** A person is asked when a fifth of a limit is left. */
const WARNING_SHARE = 5;

/**
 * Watches the time and the cost of sessions every 10 s: asks a person before they are used up, and ends a session then.
 * Also resumes what a crash interrupted. Makes no request to Plane.
 */
export const ticketsTick: Tick = {
  name: "tickets",
  // Without tickets there is nothing to watch.
  cron: ({ tickets }) => (tickets ? "*/10 * * * * *" : "0 0 * * *"),
  sideBySide: true,
  async run(deps) {
    if (!deps.settings.tickets) return {};
    const correlation = `tickets-${deps.newId()}`;
    const at = await deps.store.now();
    const counts = { warned: 0, ended: 0 };
    for (const ticket of await readActiveTickets(deps)) {
      const event = await findLimitEvent(deps, ticket, at);
      if (!event) continue;
      await changeTicket(deps, ticket.key, event, correlation);
      counts[event.kind === "asked" ? "warned" : "ended"] += 1;
    }
    // Completions whose approval by rule was interrupted; another process may have approved one meanwhile.
    for (const ticket of await readTickets(deps, ["completed"]))
      await approveUpdateByRule(deps, ticket, correlation).catch((thrown: unknown) => {
        if (!(thrown instanceof GroundcrewError)) throw thrown;
      });
    return counts;
  },
};

/**
 * The rules of which events request a ticket, and which end one. The job compares the work item with the settings once
 * more, because it may have changed.
 */
export function createTicketRules(settings: TicketSettings | undefined): RuleSet {
  const projects = settings ? getTicketProjects(settings) : [];
  return {
    name: "tickets",
    isInternal: true,
    needsActor: (event) => event.kind === "comment_added",
    canMatch: (kind, { project }) => projects.includes(project) && WATCHED_EVENTS.has(kind),
    decide(event, facts, correlation, itemRev) {
      const { item, project } = facts;
      if (!settings || !item || !project || !projects.includes(project.identifier)) return [];
      const lane = `ticket:${item.key}`;
      if (CLOSING_EVENTS.includes(event.kind))
        return [toAction(lane, { type: "ticket_closed", item: item.id, correlation })];
      const request = findRequest(settings, event, facts, itemRev);
      return request ? [toAction(lane, { type: "ticket", item: item.id, correlation, ...request })] : [];
    },
  };
}

function toAction(lane: string, body: TicketJobBody): RuleAction {
  return { target: body.type, queue: "work", lane, body, rule: `tickets.${body.type}` };
}

/** The cause of a request; its id is the same when the event is decided again. */
function findRequest(
  { triggers, people }: TicketSettings,
  event: AnyEvent,
  { actor, at }: EventFacts,
  itemRev: number | undefined,
): Pick<Extract<TicketJobBody, { type: "ticket" }>, "trigger" | "cause" | "by" | "comment"> | undefined {
  const by = actor ? { by: actor.name } : {};
  if (event.kind === "created") return triggers.created ? { trigger: "created", cause: "created", ...by } : undefined;
  if (event.kind === "comment_added") {
    // Agents' comments are reports; only a person's comment is a wish. One about a result sends it back.
    if (actor?.isAgent) return undefined;
    return { trigger: "comment", cause: `comment:${event.comment}`, comment: event.comment, ...by };
  }
  // A work item that one of the people gets is new to them.
  if (event.kind === "assigned" && people && triggers.created)
    return { trigger: "created", cause: `assigned:${itemRev ?? at}`, ...by };
  if (!triggers.status || !STATUS_EVENTS.includes(event.kind)) return undefined;
  return { trigger: "status", cause: `${event.kind}:${itemRev ?? at}`, ...by };
}

/** The end of a limit of a session, or the question before it. */
async function findLimitEvent(deps: TaskDeps, ticket: Ticket, at: Ms): Promise<NewTicketEvent | undefined> {
  if (!ticket.wanted || hasOpenPlan(ticket)) return undefined;
  const { minutes, budget_usd: budget } = (await readPolicy(deps, ticket.item.identifier)).values;
  const event = findTimeEvent(ticket, at, minutes * MINUTE);
  return event || budget === undefined ? event : findBudgetEvent(ticket, at, budget, await readSpent(deps, ticket));
}

function findTimeEvent(ticket: Ticket, at: Ms, time: Ms): NewTicketEvent | undefined {
  const { key, run, deadline } = ticket;
  if (deadline === undefined) return undefined;
  if (at >= deadline) return { kind: "limit_over", limit: "time" };
  if (listOpen(ticket, "time").length > 0 || deadline - at > Math.min(WARNING_MS, time / WARNING_SHARE))
    return undefined;
  const id = `${key}.${run}.t${deadline.toString(36)}`;
  const question = createSessionRequest(ticket, at, { waits: "time" }, { id, text: new Date(deadline).toISOString() });
  return { kind: "asked", question };
}

function findBudgetEvent(ticket: Ticket, at: Ms, budget: number, spent: number): NewTicketEvent | undefined {
  const { key, run, budgetFrom = 0 } = ticket;
  const left = budgetFrom + budget - spent;
  if (left <= 0) return { kind: "limit_over", limit: "budget", spent };
  if (listOpen(ticket, "budget").length > 0 || left > budget / WARNING_SHARE) return undefined;
  const id = `${key}.${run}.b${Math.round(budgetFrom * 100).toString(36)}`;
  const text = `${spent.toFixed(2)} / ${(budgetFrom + budget).toFixed(2)} USD`;
  return { kind: "asked", question: createSessionRequest(ticket, at, { waits: "budget", budget }, { id, text }) };
}
