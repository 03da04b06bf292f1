/**
 * From a work item to an approved ticket: which items are wanted, the request with the exact text that is judged, the
 * approval by a person or a rule, and a ticket for a test.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import type { TicketSettings } from "../config/tickets-schema.ts";
import { GroundcrewError } from "../errors.ts";
import type { WorkJobBody } from "../jobs/work-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { formatItemUrl } from "../sync/event-facts.ts";
import { findPlanePerson } from "../sync/names.ts";
import type { RequestPlace } from "../task/request.ts";
import { isOpenItem } from "../task/snapshot.ts";
import { type Caller, createCallContext } from "../tasks/call-context.ts";
import { findStoredTask, findTask, refreshTask } from "../tasks/find-task.ts";
import { answerByComment, decideTicket } from "./decide-ticket.ts";
import { readPolicy } from "./policies.ts";
import { createContent, readPersonComments } from "./read-content.ts";
import { changeTicket, findTicket, getTicket, requireTicketKey } from "./stored-tickets.ts";
import { isActive, isFinal, type Ticket, type TicketCause, type TicketContent, type TicketItem } from "./ticket.ts";
import { readLabelCli, readLabelNames } from "./ticket-cli.ts";
import { createVersion } from "./ticket-content.ts";
import { toSessionIds } from "./ticket-views.ts";

type RequestJob = Extract<WorkJobBody, { type: "ticket" }>;

/** Labels of a work item whose session plans first. */
const PLAN_LABELS = ["plan-first", "plan first"];

/** An id of Plane, or one that a test has chosen. */
const testIdSchema = z
  .string()
  .regex(/^[\w-]{1,100}$/)
  .overwrite((id) => (z.guid().safeParse(id).success ? id.toLowerCase() : id));

/**
 * A ticket for a test, with its own text. `uuid` and `project_id` are Plane's ids of the work item; without them it is
 * found by the key. `trigger_type` is accepted because scripts send it; the trigger of such a ticket is always `test`.
 */
export const testTicketSchema = z.strictObject({
  id: z.string().max(100),
  uuid: testIdSchema.optional(),
  project_id: testIdSchema.optional(),
  title: z.string().min(1).max(500),
  description: z.string().max(50_000).default(""),
  trigger_type: z.string().max(50).default("test"),
  created_at: z.iso.datetime({ offset: true }).optional(),
});

type TestTicket = z.infer<typeof testTicketSchema>;

/**
 * Requests a ticket for a work item, if the settings still want one. Unless the work item is new, its comments are read
 * from Plane. A comment that answers what the ticket asks requests nothing.
 */
export async function requestTicket(deps: TaskDeps, body: RequestJob): Promise<void> {
  const { tickets } = deps.settings;
  const task = await findStoredTask(deps, body.item);
  if (!tickets || !task) return;
  if (body.comment !== undefined && (await answerByComment(deps, task, body.comment, body.correlation))) return;
  if (tickets.triggers[body.trigger]) await openTicket(deps, tickets, task, body);
}

/**
 * Requests a ticket again that people were asked about and that is not stored, as after the loss of the store: what
 * Plane says now is judged. True when it waits for approval then. Takes up to two requests to Plane.
 */
export async function restoreTicket(deps: TaskDeps, key: string, by: string, correlation: string): Promise<boolean> {
  const { tickets } = deps.settings;
  if (!tickets) return false;
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const task = (await findTicket(deps, key)) ? undefined : await findTask(context, key).catch(ignoreNotFound);
  if (task) await openTicket(deps, tickets, task, { trigger: "status", cause: "restored", by, correlation });
  return (await findTicket(deps, key))?.state === "pending";
}

/** Opens the ticket of a work item as it is now, if the settings want one, or adds what requests it to an open one. */
async function openTicket(
  deps: TaskDeps,
  tickets: TicketSettings,
  task: Task,
  { trigger, cause: id, by, comment, correlation }: Omit<RequestJob, "type" | "item">,
): Promise<void> {
  if (!(await isTicketWanted(deps, tickets, task))) return;
  const comments = trigger === "created" ? [] : await readPersonComments(deps, task);
  // A comment that was deleted meanwhile requests nothing.
  if (comment !== undefined && !comments.some((one) => one.id === comment)) return;
  const at = await deps.store.now();
  const cause: TicketCause = { trigger, id, at, ...omitUndefined({ by }) };
  const version = await createVersion(cause, {
    ...(await createContent(task.item, cause, comments)),
    ...(await readLabelCli(deps, task)),
  });
  const event = { kind: "requested", key: task.key, item: toTicketItem(task), version } as const;
  const ticket = await changeTicket(deps, task.key, event, correlation);
  await approveByRule(deps, ticket, correlation);
}

/** Whether the settings want a ticket for a work item as it is now. */
async function isTicketWanted(deps: TaskDeps, settings: TicketSettings, task: Task): Promise<boolean> {
  if (!isOpenItem(task.item) || task.item.template) return false;
  if (!getTicketProjects(settings).includes(task.project.identifier)) return false;
  if (!settings.states.includes(task.item.snapshot.status)) return false;
  if (settings.labels && !includesName(await readLabelNames(deps, task), settings.labels)) return false;
  return isAssignedToPeople(deps, settings, task);
}

/** Whether one of the names is wanted, if any are; upper and lower case are the same. */
function includesName(names: readonly (string | undefined)[], wanted: readonly string[] | undefined): boolean {
  const lower = names.map((name) => name?.toLowerCase());
  return !wanted || wanted.some((name) => lower.includes(name.toLowerCase()));
}

/** Whether the session of a ticket plans first: by its repository, or a label of its work item. */
export async function needsPlan(deps: TaskDeps, { item }: Pick<Ticket, "item">): Promise<boolean> {
  if ((await readPolicy(deps, item.identifier)).values.plan_first) return true;
  const task = await findStoredTask(deps, item.id);
  return task !== undefined && includesName(await readLabelNames(deps, task), PLAN_LABELS);
}

/** Whether a work item is assigned to one of `people`, if the settings name any. */
async function isAssignedToPeople(deps: TaskDeps, { people }: TicketSettings, { item }: Task): Promise<boolean> {
  if (!people) return true;
  const persons = await Promise.all(item.snapshot.assignees.map((id) => findPlanePerson(deps, id)));
  return includesName(
    persons.map((person) => person?.name),
    people,
  );
}

/** The work item of a ticket, as its record keeps it. */
function toTicketItem({ id, item, project, url }: Task): TicketItem {
  const { priority } = item.snapshot;
  return { id, project: project.id, identifier: project.identifier, priority, url };
}

/** Approves a pending ticket when a rule of the settings wants it. A ticket that changed meanwhile stays pending. */
async function approveByRule(deps: TaskDeps, ticket: Ticket, correlation: string): Promise<void> {
  const rule = ticket.state === "pending" ? await findApprovalRule(deps, ticket) : undefined;
  if (rule === undefined) return;
  const by = `tickets.approve[${rule}]`;
  await approveTicket(deps, ticket.key, { by, hash: ticket.shown.hash }, correlation).catch((thrown: unknown) => {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    deps.log.info("ticket not approved by its rule", { correlation, ticket: ticket.key, error: thrown.message });
  });
}

/** Cancels the ticket of a work item that ends it. */
export async function closeTicket(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const { tickets } = deps.settings;
  const task = await findStoredTask(deps, item);
  if (!tickets || !task) return;
  const ticket = await findTicket(deps, task.key);
  if (!ticket || ticket.item.id !== item) return;
  if (!(await isTicketOver(deps, ticket, task))) return;
  const { removedAt, snapshot } = task.item;
  const text = isOpenItem(task.item) ? "reassigned" : removedAt === undefined ? snapshot.status : "removed";
  await changeTicket(deps, task.key, { kind: "closed_in_plane", text }, correlation);
}

/** Whether a ticket ends with its work item, which was closed or removed, or is assigned to nobody of `people`. */
async function isTicketOver(deps: TaskDeps, ticket: Ticket, task: Task): Promise<boolean> {
  const { tickets } = deps.settings;
  if (!tickets) return false;
  if (!isOpenItem(task.item)) return isTicketClosed(tickets, ticket, task);
  return ticket.shown.cause.trigger !== "test" && !(await isAssignedToPeople(deps, tickets, task));
}

/** Whether a ticket's work item was closed or removed, other than by the update of the ticket itself. */
export function isTicketClosed(
  { status }: TicketSettings,
  { closedByUpdate }: Pick<Ticket, "closedByUpdate">,
  { item }: Pick<Task, "item">,
): boolean {
  if (isOpenItem(item)) return false;
  return !closedByUpdate || item.removedAt !== undefined || item.snapshot.status !== status;
}

/** The projects whose work items may become tickets. */
export function getTicketProjects({ projects, repositories }: TicketSettings): string[] {
  const withRepository = Object.keys(repositories);
  return projects ? projects.filter((identifier) => withRepository.includes(identifier)) : withRepository;
}

/**
 * Approves a ticket after reading it again, and returns its run. `hash` is that of the version which was shown; without
 * it the stored version counts. A changed ticket throws `conflict` and is pending with its new content. Repeating an
 * approval returns the same run. Takes two requests to Plane.
 */
export async function approveTicket(
  deps: TaskDeps,
  key: string,
  { by, where = "api", hash }: { by: string; where?: RequestPlace; hash?: string },
  correlation: string,
): Promise<ReturnType<typeof toApprovedRun>> {
  const isKnown = (await findTicket(deps, key)) !== undefined;
  if (!isKnown && (await restoreTicket(deps, key, by, correlation)))
    throw new GroundcrewError("conflict", `${key} was unknown and is requested again. Read it, then approve it.`, {
      refusal: { name: "ticketRestored" },
    });
  const ticket = await getTicket(deps, key);
  const isRepeated = isActive(ticket) && (hash ?? ticket.approval?.hash) === ticket.approval?.hash;
  const decision = { answer: "approve", by, where, hash };
  return toApprovedRun(deps, isRepeated ? ticket : await decideTicket(deps, key, "ticket", decision, correlation));
}

/** Reads the work item of a pending ticket again, and who has it; one that is closed cancels the ticket. The text of a test ticket is its own: its item is only checked for being closed. */
export async function rereadTicket(deps: TaskDeps, ticket: Ticket, by: string, correlation: string): Promise<void> {
  const task = await findStoredTask(deps, ticket.item.id);
  const isTest = ticket.shown.cause.trigger === "test";
  if (!task && isTest) return;
  const present = task && (await readPresentTask(deps, task, { name: by, role: "human" }, correlation));
  const isClosed = !present || (await isTicketOver(deps, ticket, present));
  const version =
    isTest || !present
      ? ticket.shown
      : await createVersion(ticket.shown.cause, await rereadContent(deps, ticket, present));
  await changeTicket(deps, ticket.key, { kind: "reread", version, isClosed }, correlation);
}

/** Reads the comments again; the one that requested the ticket stays as it was, also when it was deleted. */
async function rereadContent(deps: TaskDeps, { shown }: Ticket, task: Task): Promise<TicketContent> {
  const content = await createContent(task.item, shown.cause, await readPersonComments(deps, task));
  return { ...content, ...omitUndefined({ comment: shown.content.comment }), ...(await readLabelCli(deps, task)) };
}

/** Reads an item from Plane; undefined when it was removed. */
async function readPresentTask(
  deps: TaskDeps,
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
  return findStoredTask(deps, task.id);
}

/** An approved run; `created_at` is the time of the approval, ISO 8601. */
function toApprovedRun({ settings }: Pick<TaskDeps, "settings">, ticket: Ticket) {
  const { key, approval } = ticket;
  if (!approval)
    throw new GroundcrewError("conflict", `${key} is not approved.`, { refusal: { name: "ticketNotPossible" } });
  return { ...toSessionIds(settings, ticket), ticket_id: key, created_at: new Date(approval.at).toISOString() };
}

/** Finds the first rule of `tickets.approve` that matches, by its number; undefined when none does. */
export async function findApprovalRule(
  deps: TaskDeps,
  ticket: Ticket,
  isWanted: (rule: TicketSettings["approve"][number]) => boolean = () => true,
): Promise<number | undefined> {
  const rules = deps.settings.tickets?.approve ?? [];
  if (rules.length === 0) return undefined;
  const task = await findStoredTask(deps, ticket.item.id);
  const labels = task ? await readLabelNames(deps, task) : [];
  const { identifier, priority } = ticket.item;
  const index = rules.findIndex(
    (rule) =>
      isWanted(rule) &&
      (rule.projects?.includes(identifier) ?? true) &&
      includesName(labels, rule.labels) &&
      (rule.priorities?.includes(priority) ?? true) &&
      (rule.triggers?.includes(ticket.shown.cause.trigger) ?? true),
  );
  return index < 0 ? undefined : index;
}

/** Adds a pending ticket for a test. The same text again is the same cause, until the ticket is over. */
export async function addTestTicket(deps: TaskDeps, input: TestTicket, correlation: string): Promise<Ticket> {
  const { id, title, description, created_at } = input;
  const { key, identifier, number } = requireTicketKey(id);
  const { tickets, plane } = deps.settings;
  if (!tickets?.repositories[identifier])
    throw new GroundcrewError(
      "conflict",
      `tickets.repositories in the settings file has no repository for ${identifier}.`,
    );
  const existing = await findTicket(deps, key);
  const { uuid, project } = await findTestItem(deps, existing, input, correlation);
  if (existing && existing.item.id !== uuid)
    throw new GroundcrewError("conflict", `${key} exists with another uuid, ${existing.item.id}.`);
  const at = await deps.store.now();
  const createdAt = created_at === undefined ? undefined : Date.parse(created_at);
  const cause = { trigger: "test", id: "test", at, ...omitUndefined({ createdAt }) } as const;
  const draft = await createVersion(cause, { title, description });
  const round = existing && isFinal(existing.state) ? `${existing.run}:${existing.endedAt}` : (existing?.run ?? 0);
  const version = { ...draft, cause: { ...cause, id: `test:${draft.hash}:${round}` } };
  const url = formatItemUrl(plane, identifier, number);
  const item = { id: uuid, project, identifier, priority: "none", url } as const;
  const ticket = await changeTicket(deps, key, { kind: "requested", key, item, version }, correlation);
  await approveByRule(deps, ticket, correlation);
  return (await findTicket(deps, key)) ?? ticket;
}

/**
 * Finds the ids of a test ticket's work item that the request does not name: those of the ticket before, or of the item
 * with this key, or ids of its own where Plane has no such item. Such a ticket runs, and its update fails.
 */
async function findTestItem(
  deps: TaskDeps,
  existing: Ticket | undefined,
  { id, uuid, project_id }: TestTicket,
  correlation: string,
): Promise<{ uuid: string; project: string }> {
  if (uuid !== undefined && project_id !== undefined) return { uuid, project: project_id };
  const { key, identifier } = requireTicketKey(id);
  const context = createCallContext(deps, { name: "Groundcrew", role: "human" }, correlation);
  const found = existing?.item ?? (await findTask(context, key).then(toTicketItem, ignoreNotFound));
  return { uuid: uuid ?? found?.id ?? `test-${key}`, project: project_id ?? found?.project ?? `test-${identifier}` };
}

function ignoreNotFound(thrown: unknown): undefined {
  if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
}
