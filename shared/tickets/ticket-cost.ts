/** What the sessions of tickets cost, in the unit in which Claude Code reports it: US dollars. */

import { readAgentDays } from "../accounting/history.ts";
import { prepareSpending, readMonthlySpending } from "../accounting/spending.ts";
import type { TaskDeps } from "../app/deps.ts";
import { mergeUpdates, type ValueUpdate } from "../store/records.ts";
import { prepareCardCost } from "../tasks/card-record.ts";
import type { Ticket } from "./ticket.ts";

export interface TicketCost {
  /** Of this calendar month in the settings' time zone. */
  month: number;
  /** Of the last calendar days, oldest first, today last. */
  days: { day: string; cost: number }[];
}

/** Under this name sessions appear in figures of cost, on the agent card and in the view Team. */
const TICKET_SPENDER = "Claude Code";

/**
 * Prepares the records of what a session has cost since its last observation, for the commit of the observation: in the
 * month's sum, in the figures of the day, and on the agent card where the task has one.
 */
export async function prepareTicketCost(
  deps: TaskDeps,
  { item }: Pick<Ticket, "item">,
  cost: number,
  correlation: string,
): Promise<Required<ValueUpdate>> {
  if (cost === 0) return mergeUpdates([]);
  const project = { id: item.project, identifier: item.identifier };
  const updates = await Promise.all([
    prepareSpending(deps, { project }, TICKET_SPENDER, { counted: cost, cost, source: "tickets" }),
    prepareCardCost(deps, item.id, TICKET_SPENDER, cost, correlation),
  ]);
  return mergeUpdates(updates);
}

/** Reads the cost of tickets of this month and of the last `days` days, in the settings' time zone. */
export async function readTicketCost(deps: Pick<TaskDeps, "store" | "settings">, days: number): Promise<TicketCost> {
  const [{ sources }, figures] = await Promise.all([
    readMonthlySpending(deps),
    readAgentDays(deps, TICKET_SPENDER, days),
  ]);
  return { month: sources.tickets ?? 0, days: figures.map(({ day, cost }) => ({ day, cost })) };
}
