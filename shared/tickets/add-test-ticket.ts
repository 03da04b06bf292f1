import { z } from "zod";
import { GroundcrewError } from "../errors.ts";
import { formatItemUrl } from "../observe/event-facts.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { approveByRule } from "./approve-ticket.ts";
import { changeTicket, findTicket } from "./change-ticket.ts";
import { ticketKeySchema } from "./exchange.ts";
import type { Ticket } from "./ticket.ts";
import { createVersion } from "./ticket-content.ts";

/** A ticket for a test, with its own text. `uuid` and `project_id` are Plane's ids of the work item. */
export const testTicketSchema = z.strictObject({
  id: ticketKeySchema,
  uuid: z.uuid(),
  project_id: z.uuid(),
  title: z.string().min(1).max(500),
  description: z.string().max(50_000).default(""),
  trigger_type: z.string().max(50).default("test"),
  created_at: z.string().max(50).optional(),
});
type TestTicket = z.infer<typeof testTicketSchema>;

/** Adds a pending ticket for a test. The same text again is the same cause. */
export async function addTestTicket(deps: WorkDeps, input: TestTicket, correlation: string): Promise<Ticket> {
  const { id: key, uuid, project_id, title, description } = input;
  const identifier = key.slice(0, key.lastIndexOf("-"));
  const { tickets, plane } = deps.settings;
  if (!tickets?.repositories[identifier])
    throw new GroundcrewError(
      "conflict",
      `tickets.repositories in the settings file has no repository for ${identifier}.`,
    );
  const existing = await findTicket(deps, key);
  if (existing && existing.item.id !== uuid)
    throw new GroundcrewError("conflict", `${key} exists with another uuid, ${existing.item.id}.`);
  const at = await deps.store.now();
  const draft = await createVersion({ trigger: "test", id: "test", at }, { title, description });
  const version = { ...draft, cause: { ...draft.cause, id: `test:${draft.hash}:${existing?.run ?? 0}` } };
  const url = formatItemUrl(plane, identifier, Number(key.slice(key.lastIndexOf("-") + 1)));
  const item = { id: uuid, project: project_id, identifier, priority: "none", url } as const;
  const ticket = await changeTicket(deps, key, { kind: "requested", at, key, item, version }, correlation);
  await approveByRule(deps, ticket, correlation);
  return (await findTicket(deps, key)) ?? ticket;
}
