import type { WorkJobBody } from "../jobs/work-jobs.ts";
import { toMarkdown } from "../markdown/to-markdown.ts";
import { commentsApi } from "../plane/comments.ts";
import { isOpenItem } from "../task/diff.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { findKeptTask, type Task } from "../work/tasks/find-task.ts";
import { approveByRule } from "./approve-ticket.ts";
import { changeTicket, findTicket } from "./change-ticket.ts";
import type { TicketCause, TicketItem } from "./ticket.ts";
import { createVersion, readContent } from "./ticket-content.ts";
import { isAssignedToPeople, isTicketClosed, isTicketWanted } from "./ticket-filters.ts";

type RequestJob = Extract<WorkJobBody, { do: "ticket" }>;

/**
 * Requests a ticket for a work item, if the settings still want one. Takes a request to Plane only for a comment, whose
 * whole text is needed.
 */
export async function requestTicket(deps: WorkDeps, body: RequestJob): Promise<void> {
  const { tickets } = deps.settings;
  const task = await findKeptTask(deps, body.item);
  if (!tickets || !task || !isOpenItem(task.item) || !(await isTicketWanted(deps, tickets, task))) return;
  const { trigger, cause: id, by, correlation } = body;
  const comment = body.comment === undefined ? undefined : await readComment(deps, task, body.comment);
  // A comment that was deleted meanwhile requests nothing.
  if (body.comment !== undefined && comment === undefined) return;
  const at = await deps.store.now();
  const cause: TicketCause = { trigger, id, at, ...(by === undefined ? {} : { by }) };
  const version = await createVersion(cause, await readContent(task.item, comment));
  const event = { kind: "requested", at, key: task.key, item: toTicketItem(task), version } as const;
  const ticket = await changeTicket(deps, task.key, event, correlation);
  await approveByRule(deps, ticket, correlation);
}

/** Cancels the ticket of a work item that was closed or removed, or that is assigned to nobody of `people` any more. */
export async function closeTicket(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  const { tickets } = deps.settings;
  const task = await findKeptTask(deps, item);
  if (!tickets || !task) return;
  const ticket = await findTicket(deps, task.key);
  if (!ticket || ticket.item.id !== item) return;
  const isOpen = isOpenItem(task.item);
  if (!isOpen && !isTicketClosed(tickets, ticket, task)) return;
  if (isOpen && (ticket.shown.cause.trigger === "test" || (await isAssignedToPeople(deps, tickets, task)))) return;
  const text = isOpen ? "reassigned" : task.item.gone === undefined ? task.item.snapshot.word : "removed";
  await changeTicket(deps, task.key, { kind: "closed_in_plane", at: await deps.store.now(), text }, correlation);
}

/** The work item of a ticket, as its record keeps it. */
export function toTicketItem({ id, item, project, url }: Task): TicketItem {
  const { priority } = item.snapshot;
  return { id, project: project.id, identifier: project.identifier, priority, url };
}

/** Reads a comment's whole text as Markdown; undefined when Plane has it no more. */
async function readComment(deps: WorkDeps, { id, project }: Task, comment: string): Promise<string | undefined> {
  for await (const { data } of deps.plane.pages(commentsApi.list, { params: { project: project.id, item: id } })) {
    const found = data.results.find((one) => one.id === comment);
    if (found) return toMarkdown(found.comment_html);
  }
  return undefined;
}
