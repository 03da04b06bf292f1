import type { TicketSettings } from "../../shared/config/tickets-schema.ts";
import type { WorkJobBody } from "../../shared/jobs/work-jobs.ts";
import type { AnyEvent, EventKind } from "../../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../../shared/task/rule-set.ts";
import { getTicketProjects } from "../../shared/tickets/ticket-filters.ts";

type TicketJobBody = Extract<WorkJobBody, { do: "ticket" | "ticket_closed" }>;

const STATUS_EVENTS: readonly EventKind[] = ["started", "blocked", "unblocked", "reopened", "restored"];
const CLOSING_EVENTS: readonly EventKind[] = ["completed", "cancelled", "removed", "unassigned"];

/**
 * The rules of which events request a ticket, and which end one. The job compares the work item with the settings once
 * more, because it may have changed.
 */
export function createTicketRules(settings: TicketSettings | undefined): RuleSet {
  const projects = settings ? getTicketProjects(settings) : [];
  return {
    name: "tickets",
    isInternal: true,
    needsActor: (event) => settings?.triggers.comment === true && event.kind === "comment_added",
    canMatch: (kind, { project }) =>
      projects.includes(project) &&
      (kind === "created" ||
        kind === "assigned" ||
        kind === "comment_added" ||
        STATUS_EVENTS.includes(kind) ||
        CLOSING_EVENTS.includes(kind)),
    decide(event, facts, correlation, itemRev) {
      const { item, project } = facts;
      if (!settings || !item || !project || !projects.includes(project.identifier)) return [];
      const lane = `ticket:${item.key}`;
      if (CLOSING_EVENTS.includes(event.kind)) {
        const body: TicketJobBody = { do: "ticket_closed", item: item.id, correlation };
        return [toAction(lane, body)];
      }
      const request = findRequest(settings, event, facts, itemRev);
      return request ? [toAction(lane, { do: "ticket", item: item.id, correlation, ...request })] : [];
    },
  };
}

function toAction(lane: string, body: TicketJobBody): RuleAction {
  return { target: body.do, queue: "work", lane, body, rule: `tickets.${body.do}` };
}

/** The cause of a request; its id is the same when the event is decided again. */
function findRequest(
  { triggers, people }: TicketSettings,
  event: AnyEvent,
  { actor, at }: EventFacts,
  itemRev: number | undefined,
): Pick<Extract<TicketJobBody, { do: "ticket" }>, "trigger" | "cause" | "by" | "comment"> | undefined {
  const by = actor ? { by: actor.name } : {};
  if (event.kind === "created") return triggers.created ? { trigger: "created", cause: "created", ...by } : undefined;
  if (event.kind === "comment_added") {
    // Agents' comments are reports; only a person's comment is a wish.
    if (!triggers.comment || actor?.isAgent) return undefined;
    return { trigger: "comment", cause: `comment:${event.comment}`, comment: event.comment, ...by };
  }
  // A work item that one of the people gets is new to them.
  if (event.kind === "assigned" && people && triggers.created)
    return { trigger: "created", cause: `assigned:${itemRev ?? at}`, ...by };
  if (!triggers.status || !STATUS_EVENTS.includes(event.kind)) return undefined;
  return { trigger: "status", cause: `${event.kind}:${itemRev ?? at}`, ...by };
}
