import { z } from "zod";
import { GroundcrewError } from "../errors.ts";
import { formatItemUrl } from "../observe/event-facts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { approveByRule } from "./approve-ticket.ts";
import { changeTicket, findTicket } from "./change-ticket.ts";
import { requireTicketKey } from "./require-ticket-key.ts";
import { isFinal, type Ticket } from "./ticket.ts";
import { createVersion } from "./ticket-content.ts";

/** An id of Plane. Tests may name one that no program has generated. */
const planeIdSchema = z.guid().toLowerCase();

/**
 * A ticket for a test, with its own text. `uuid` and `project_id` are Plane's ids of the work item. `trigger_type` is
 * accepted because scripts send it; the trigger of such a ticket is always `test`.
 */
export const testTicketSchema = z.strictObject({
  id: z.string().max(100),
  uuid: planeIdSchema,
  project_id: planeIdSchema,
  title: z.string().min(1).max(500),
  description: z.string().max(50_000).default(""),
  trigger_type: z.string().max(50).default("test"),
  created_at: z.iso.datetime({ offset: true }).optional(),
});
type TestTicket = z.infer<typeof testTicketSchema>;

/** Adds a pending ticket for a test. The same text again is the same cause, until the ticket is over. */
export async function addTestTicket(deps: WorkDeps, input: TestTicket, correlation: string): Promise<Ticket> {
  const { id, uuid, project_id, title, description, created_at } = input;
  const { key, identifier, number } = requireTicketKey(id);
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
  const createdAt = created_at === undefined ? undefined : Date.parse(created_at);
  const cause = { trigger: "test", id: "test", at, ...omitUndefined({ createdAt }) } as const;
  const draft = await createVersion(cause, { title, description });
  const round = existing && isFinal(existing.state) ? `${existing.run}:${existing.endedAt}` : (existing?.run ?? 0);
  const version = { ...draft, cause: { ...cause, id: `test:${draft.hash}:${round}` } };
  const url = formatItemUrl(plane, identifier, number);
  const item = { id: uuid, project: project_id, identifier, priority: "none", url } as const;
  const ticket = await changeTicket(deps, key, { kind: "requested", at, key, item, version }, correlation);
  await approveByRule(deps, ticket, correlation);
  return (await findTicket(deps, key)) ?? ticket;
}
