import type { TicketSettings } from "../config/tickets-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { createCallContext, type WorkDeps } from "../work/context/call-context.ts";
import type { Caller } from "../work/context/caller.ts";
import { findKeptTask, refreshTask, type Task } from "../work/tasks/find-task.ts";
import { changeTicket, getTicket } from "./change-ticket.ts";
import { createRunToken } from "./run-token.ts";
import { isActive, type Ticket } from "./ticket.ts";
import { createVersion, readContent } from "./ticket-content.ts";
import { includesName, isAssignedToPeople, isTicketClosed, readLabelNames } from "./ticket-filters.ts";

/** An approved run. */
export interface ApprovedRun {
  session_id: string;
  ticket_id: string;
  /** Time of the approval, ISO 8601. */
  created_at: string;
}

/**
 * Approves a ticket after reading it again, and returns its run. `hash` is that of the version which was shown; without
 * it the stored version counts. A changed ticket throws `conflict` and is pending with its new content. Repeating an
 * approval returns the same run. Takes one request to Plane.
 */
export async function approveTicket(
  deps: WorkDeps,
  key: string,
  { by, hash }: { by: string; hash?: string },
  correlation: string,
): Promise<ApprovedRun> {
  const ticket = await getTicket(deps, key);
  const shown = hash ?? (isActive(ticket) ? ticket.approval?.hash : undefined) ?? ticket.shown.hash;
  if (ticket.state === "pending") await rereadTicket(deps, ticket, by, correlation);
  const [sessionId, token] = [deps.newId(), createRunToken(key, deps.newId)];
  const at = await deps.store.now();
  const event = { kind: "approved", at, by, hash: shown, sessionId, token } as const;
  const approved = await changeTicket(deps, key, event, correlation);
  deps.kick();
  return toApprovedRun(approved);
}

/** Approves a pending ticket when a rule of the settings wants it. A ticket that changed meanwhile stays pending. */
export async function approveByRule(deps: WorkDeps, ticket: Ticket, correlation: string): Promise<void> {
  const rule = ticket.state === "pending" ? await findApprovalRule(deps, ticket) : undefined;
  if (rule === undefined) return;
  const by = `tickets.approve[${rule}]`;
  await approveTicket(deps, ticket.key, { by, hash: ticket.shown.hash }, correlation).catch((thrown: unknown) => {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    deps.log.info("ticket not approved by its rule", { correlation, ticket: ticket.key, error: thrown.message });
  });
}

/** Finds the first rule of `tickets.approve` that matches, by its number; undefined when none does. */
export async function findApprovalRule(
  deps: WorkDeps,
  ticket: Ticket,
  isWanted: (rule: TicketSettings["approve"][number]) => boolean = () => true,
): Promise<number | undefined> {
  const rules = deps.settings.tickets?.approve ?? [];
  if (rules.length === 0) return undefined;
  const task = await findKeptTask(deps, ticket.item.id);
  const labels = task ? await readLabelNames(deps, task) : [];
  const { identifier, priority } = ticket.item;
  const index = rules.findIndex(
    (rule) =>
      isWanted(rule) &&
      (rule.projects?.includes(identifier) ?? true) &&
      (rule.labels === undefined || includesName(labels, rule.labels)) &&
      (rule.priorities?.includes(priority) ?? true) &&
      (rule.triggers?.includes(ticket.shown.cause.trigger) ?? true),
  );
  return index < 0 ? undefined : index;
}

/** Reads the work item again, and who has it. The text of a test ticket is its own: its item is only checked for being closed. */
async function rereadTicket(deps: WorkDeps, ticket: Ticket, by: string, correlation: string): Promise<void> {
  const task = await findKeptTask(deps, ticket.item.id);
  const isTest = ticket.shown.cause.trigger === "test";
  if (!task && isTest) return;
  const present = task && (await readPresentTask(deps, task, { name: by, role: "human" }, correlation));
  const { tickets } = deps.settings;
  const isClosed =
    !present ||
    (tickets !== undefined &&
      (isTicketClosed(tickets, ticket, present) || !(isTest || (await isAssignedToPeople(deps, tickets, present)))));
  const version =
    isTest || !present
      ? ticket.shown
      : await createVersion(ticket.shown.cause, await readContent(present.item, ticket.shown.content.comment));
  const event = { kind: "reread", at: await deps.store.now(), version, isClosed } as const;
  const read = await changeTicket(deps, ticket.key, event, correlation);
  if (read.state === "cancelled")
    throw new GroundcrewError(
      "conflict",
      `${ticket.key} was closed, removed or reassigned in Plane; the ticket is cancelled.`,
      {
        refusal: { name: "ticketClosed", values: { task: ticket.key } },
      },
    );
}

/** Reads an item from Plane; undefined when it was removed. */
async function readPresentTask(
  deps: WorkDeps,
  task: Task,
  caller: Caller,
  correlation: string,
): Promise<Task | undefined> {
  try {
    await refreshTask(createCallContext(deps, caller, correlation), task);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
    return undefined;
  }
  return findKeptTask(deps, task.id);
}

function toApprovedRun({ key, approval }: Ticket): ApprovedRun {
  if (!approval)
    throw new GroundcrewError("conflict", `${key} is not approved.`, { refusal: { name: "ticketNotPossible" } });
  return { session_id: approval.sessionId, ticket_id: key, created_at: new Date(approval.at).toISOString() };
}
