import type { Commit } from "../store/port.ts";
import { prepareCardCost } from "../work/card/card-record.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { readAgentDays } from "../work/time/agent-days.ts";
import { prepareSpending, readMonthlySpending } from "../work/time/spending.ts";
import type { Ticket } from "./ticket.ts";
import type { TicketCost } from "./ticket-views.ts";

/** Under this name sessions appear in figures of cost, on the agent card and in the view Team. */
export const TICKET_SPENDER = "Claude Code";

/**
 * Prepares the records of what a session has cost since its last observation, for the commit of the observation: in the
 * month's sum, in the figures of the day, and on the agent card where the task has one.
 */
export async function prepareTicketCost(
  deps: WorkDeps,
  { item }: Pick<Ticket, "item">,
  cost: number,
  correlation: string,
): Promise<Required<Pick<Commit, "expect" | "put" | "jobs">>> {
  if (cost === 0) return { expect: [], put: [], jobs: [] };
  const project = { id: item.project, identifier: item.identifier };
  const [spending, card] = await Promise.all([
    prepareSpending(deps, { project }, TICKET_SPENDER, { counted: cost, cost, source: "tickets" }),
    prepareCardCost(deps, item.id, TICKET_SPENDER, cost, correlation),
  ]);
  return {
    expect: [...spending.expect, ...card.expect],
    put: [...spending.put, ...card.put],
    jobs: card.jobs,
  };
}

/** Reads the cost of tickets of this month and of the last `days` days, in the settings' time zone. */
export async function readTicketCost(deps: Pick<WorkDeps, "store" | "settings">, days: number): Promise<TicketCost> {
  const [{ sources }, figures] = await Promise.all([
    readMonthlySpending(deps),
    readAgentDays(deps, TICKET_SPENDER, days),
  ]);
  return { month: sources.tickets ?? 0, days: figures.map(({ day, cost }) => ({ day, cost })) };
}
