/**
 * From a work item to an approved ticket: which items are wanted, the request with the exact text that is judged, a
 * ticket for a test, and the answers of people and rules, who see the ticket instead of its request: on the
 * orchestrator's routes, and in comments on the work item in Plane.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import type { TicketSettings } from "../config/tickets-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { findScheduleCommand } from "../i18n/parse-schedule.ts";
import { getTexts } from "../i18n/texts.ts";
import type { WorkJobBody } from "../jobs/internal-jobs.ts";
import { linkToPage } from "../markdown/plain-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { findPerson } from "../people/directory.ts";
import type { Task } from "../records/plane-records.ts";
import { formatSessionName } from "../records/task-records.ts";
import { decideRequest, readTaskRequests } from "../requests/requests.ts";
import { isOption, readWords } from "../requests/words.ts";
import { formatItemUrl } from "../sync/event-facts.ts";
import { findPlanePerson } from "../sync/names.ts";
import { refreshPeople } from "../sync/projects.ts";
import { isRequestOpen, type RequestDecision, type RequestPlace, type RequestRecord } from "../task/request.ts";
import { isOpenItem } from "../task/snapshot.ts";
import { createCallContext, SYSTEM_CALLER } from "../tasks/call-context.ts";
import { markRemarksRead } from "../tasks/card-record.ts";
import { findStoredTask, findTask, refreshTask } from "../tasks/find-task.ts";
import { getRequestTime } from "../tasks/people/questions.ts";
import { postComment } from "../tasks/post-comment.ts";
import { isStopWord, listUnread, readRemarks } from "../tasks/remark-record.ts";
import { readPolicy } from "./policy.ts";
import { changeTicket, findTicket, getTicket, ignoreConflict, requireTicketKey } from "./stored-tickets.ts";
import {
  isActive,
  isApproving,
  isFinal,
  type Ticket,
  type TicketCause,
  type TicketItem,
  toSessionIds,
} from "./ticket.ts";
import { createContent, createVersion, readLabelNames, readPersonComments } from "./ticket-content.ts";

type RequestJob = Extract<WorkJobBody, { type: "ticket" }>;

type Answer = Omit<RequestDecision, "hash"> & { hash?: string | undefined };

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
  const cause: TicketCause = { trigger, id, at: await deps.store.now(), ...omitUndefined({ by }) };
  const version = await createVersion(cause, await createContent(deps, task, cause, comments));
  const event = { kind: "requested", key: task.key, item: toTicketItem(task), version } as const;
  await approveByRule(deps, await changeTicket(deps, task.key, event, correlation), correlation);
}

/** Whether the settings want a ticket for a work item as it is now. */
async function isTicketWanted(deps: TaskDeps, settings: TicketSettings, task: Task): Promise<boolean> {
  if (!isOpenItem(task.item) || task.item.template) return false;
  if (!getTicketProjects(settings).includes(task.project.identifier)) return false;
  if (!settings.states.includes(task.item.snapshot.status)) return false;
  if (settings.labels && !includesName(await readLabelNames(deps, task), settings.labels)) return false;
  return isAssignedToPeople(deps, settings, task);
}

/** The projects whose work items may become tickets. */
export function getTicketProjects({ projects, repositories }: TicketSettings): string[] {
  const withRepository = Object.keys(repositories);
  return projects ? projects.filter((identifier) => withRepository.includes(identifier)) : withRepository;
}

/** Whether one of the names is wanted, if any are; upper and lower case are the same. */
function includesName(names: readonly (string | undefined)[], wanted: readonly string[] | undefined): boolean {
  const lower = names.map((name) => name?.toLowerCase());
  return !wanted || wanted.some((name) => lower.includes(name.toLowerCase()));
}

/** Whether a work item is assigned to one of `people`, if the settings name any. */
async function isAssignedToPeople(deps: TaskDeps, { people }: TicketSettings, { item }: Task): Promise<boolean> {
  if (!people) return true;
  const persons = await Promise.all(item.snapshot.assignees.map((id) => findPlanePerson(deps, id)));
  const names = persons.map((person) => person?.name);
  return includesName(names, people);
}

/** Whether the session of a ticket plans first: by its repository, or a label of its work item. */
export async function needsPlan(deps: TaskDeps, { item }: Pick<Ticket, "item">): Promise<boolean> {
  if ((await readPolicy(deps, item.identifier)).values.plan_first) return true;
  const task = await findStoredTask(deps, item.id);
  return task !== undefined && includesName(await readLabelNames(deps, task), PLAN_LABELS);
}

/** The work item of a ticket, as its record keeps it. */
function toTicketItem({ id, item, project, url }: Task): TicketItem {
  return { id, project: project.id, identifier: project.identifier, priority: item.snapshot.priority, url };
}

/** Cancels the ticket of a work item that ends it. */
export async function closeTicket(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const task = await findStoredTask(deps, item);
  const ticket = task && (await findTicket(deps, task.key));
  if (!ticket || ticket.item.id !== item || !(await isTicketOver(deps, ticket, task))) return;
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

/**
 * Reads the work item of a pending ticket again, and who has it; one that is closed cancels the ticket. The comment
 * that requested it stays as it was, also when it was deleted, and so does the text of a test ticket, which is its own.
 */
export async function rereadTicket(deps: TaskDeps, ticket: Ticket, correlation: string): Promise<void> {
  const { shown, item, key } = ticket;
  const task = await findStoredTask(deps, item.id);
  const isTest = shown.cause.trigger === "test";
  if (!task && isTest) return;
  const context = createCallContext(deps, { name: "Groundcrew", role: "human" }, correlation);
  const isPresent = task && (await refreshTask(context, task).then(() => true, ignoreNotFound));
  const present = isPresent && (await findStoredTask(deps, task.id));
  const isClosed = !present || (await isTicketOver(deps, ticket, present));
  const read = isTest || !present ? undefined : await readPersonComments(deps, present);
  const content = read && present && (await createContent(deps, present, shown.cause, read));
  const kept = omitUndefined({ comment: shown.content.comment });
  const version = content ? await createVersion(shown.cause, { ...content, ...kept }) : shown;
  await changeTicket(deps, key, { kind: "reread", version, isClosed }, correlation);
}

/**
 * Approves a ticket after reading it again, and returns its run; `created_at` is the time of the approval, ISO 8601.
 * `hash` is that of the version which was shown; without it the stored version counts. A changed ticket throws
 * `conflict` and is pending with its new content. Repeating an approval returns the same run. Takes two requests to
 * Plane.
 */
export async function approveTicket(
  deps: TaskDeps,
  key: string,
  { by, where = "api", hash }: { by: string; where?: RequestPlace; hash?: string },
  correlation: string,
) {
  const isKnown = (await findTicket(deps, key)) !== undefined;
  if (!isKnown && (await restoreTicket(deps, key, by, correlation)))
    throw new GroundcrewError("conflict", `${key} was unknown and is requested again. Read it, then approve it.`, {
      refusal: { name: "ticketRestored" },
    });
  const ticket = await getTicket(deps, key);
  const isRepeated = isActive(ticket) && (hash ?? ticket.approval?.hash) === ticket.approval?.hash;
  const decision = { answer: "approve", by, where, hash };
  const approved = isRepeated ? ticket : await decideTicket(deps, key, "ticket", decision, correlation);
  const at = approved.approval?.at ?? 0;
  return { ...toSessionIds(deps.settings, approved), ticket_id: key, created_at: new Date(at).toISOString() };
}

/** Approves a pending ticket when a rule of the settings wants it. A ticket that changed meanwhile stays pending. */
async function approveByRule(deps: TaskDeps, ticket: Ticket, correlation: string): Promise<void> {
  const rule = ticket.state === "pending" ? await findApprovalRule(deps, ticket) : undefined;
  if (rule === undefined) return;
  const decision = {
    answer: "approve",
    by: `tickets.approve[${rule}]`,
    where: "api",
    hash: ticket.shown.hash,
  } as const;
  await decideTicket(deps, ticket.key, "ticket", decision, correlation).catch(ignoreConflict);
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

/**
 * Answers what a ticket itself waits for, by the name of the answer; without a hash as it is now. Throws `not_found`
 * without a ticket, and `conflict` when it does not wait for this, or has changed.
 */
export async function decideTicket(
  deps: TaskDeps,
  key: string,
  kind: "ticket" | "result",
  answer: Answer,
  correlation: string,
): Promise<Ticket> {
  const { item } = await getTicket(deps, key);
  // Tickets for tests may share a work item.
  const asked = (await readTaskRequests(deps, item.id, kind)).findLast(
    ({ value: { subject, answers } }) => subject.key === key && answers.includes(answer.answer),
  );
  return decideTicketRequest(deps, key, asked?.value, answer, correlation);
}

/** Answers this request of a ticket; throws as `decideTicket` does. */
export async function decideTicketRequest(
  deps: TaskDeps,
  key: string,
  request: RequestRecord | undefined,
  { hash = request?.hash ?? "", ...answer }: Answer,
  correlation: string,
): Promise<Ticket> {
  const decided = request && (await decideRequest(deps, request.id, { ...answer, hash }, correlation));
  const ticket = await getTicket(deps, key);
  if (decided?.outcome === "decided") return ticket;
  const why =
    decided?.outcome === "changed"
      ? `asks for something else than was shown. Read it again and answer ${decided.request.hash}.`
      : `is ${ticket.state}: it does not wait for ${answer.answer}.`;
  throw new GroundcrewError("conflict", `${key} ${why}`, { refusal: { name: "ticketNotPossible" } });
}

/**
 * Takes a comment in Plane as the answer to the one request of the work item's ticket that its words answer, where its
 * author may decide. A comment that could answer several answers none, and one approves nothing, because Plane does not
 * show all that is judged: a comment says so. True when the comment is no wish for a ticket of its own.
 */
async function answerByComment(deps: TaskDeps, task: Task, id: string, correlation: string): Promise<boolean> {
  const requests = (await readTaskRequests(deps, task.id)).map(({ value }) => value);
  if (requests.some(({ verdict }) => verdict?.posted === id)) return true;
  const ticket = await findTicket(deps, task.key);
  const isOfTicket = ({ kind, session }: RequestRecord) => session || kind === "ticket" || kind === "result";
  const open = requests.filter((request) => isRequestOpen(request) && isOfTicket(request));
  if (!ticket || open.length === 0) return false;
  const comment = (await readPersonComments(deps, task)).find((one) => one.id === id);
  if (!comment?.author || findScheduleCommand(comment.text) !== undefined) return false;
  const { text, at, author } = comment;
  const [first, ...others] = open.flatMap((request) => {
    const isMeant = getRequestTime(request) < at && (!isStopWord(text) || isOption(request, text));
    const words = isMeant ? readWords(request, text) : undefined;
    return words ? [{ request, words }] : [];
  });
  if (!first) return false;
  // A verdict needs the role that its author has now.
  await refreshPeople(deps);
  const person = await findPerson(deps, { id: author });
  if (!person?.role || person.role === "guest") return false;
  const { request, words } = first;
  if (others.length > 0 || isApproving(words.answer)) {
    const { publicUrl, locale } = deps.settings;
    const { several, unseen } = getTexts(locale).comments.refused;
    const html = `<p>${linkToPage(publicUrl, "/inbox", others.length > 0 ? several : unseen)}</p>`;
    await postComment(createCallContext(deps, SYSTEM_CALLER, correlation), task, `refused:${id}`, html);
    // What people write before the approval belongs to the text that is approved.
    return ticket.state !== "pending";
  }
  const decision = { ...words, hash: request.hash, by: person.name, where: "plane", posted: id } as const;
  const decided = await decideRequest(deps, request.id, decision, correlation).catch(ignoreConflict);
  if (decided?.outcome !== "decided") return false;
  // The session has the words as the answer.
  const session = formatSessionName(deps.settings, task.key);
  const remarks = listUnread(await readRemarks(deps, task.id), session).filter((remark) => remark.id === id);
  await markRemarksRead(deps, task.id, remarks, correlation);
  deps.notify();
  return true;
}

/** Adds a pending ticket for a test. The same text again is the same cause, until the ticket is over. */
export async function addTestTicket(deps: TaskDeps, input: TestTicket, correlation: string): Promise<Ticket> {
  const { id, title, description, created_at } = input;
  const { key, identifier, number } = requireTicketKey(id);
  const { tickets, plane } = deps.settings;
  const refuse = (message: string) => new GroundcrewError("conflict", message);
  if (!tickets?.repositories[identifier])
    throw refuse(`tickets.repositories in the settings file has no repository for ${identifier}.`);
  const existing = await findTicket(deps, key);
  const known = existing?.item ?? (await findTestItem(deps, input, key, correlation));
  const { uuid = known?.id ?? `test-${key}`, project_id: project = known?.project ?? `test-${identifier}` } = input;
  if (existing && existing.item.id !== uuid) throw refuse(`${key} exists with another uuid, ${existing.item.id}.`);
  const createdAt = created_at === undefined ? undefined : Date.parse(created_at);
  const cause = { trigger: "test", id: "test", at: await deps.store.now(), ...omitUndefined({ createdAt }) } as const;
  const draft = await createVersion(cause, { title, description });
  const round = existing && isFinal(existing.state) ? `${existing.run}:${existing.endedAt}` : (existing?.run ?? 0);
  const version = { ...draft, cause: { ...cause, id: `test:${draft.hash}:${round}` } };
  const url = formatItemUrl(plane, identifier, number);
  const item = { id: uuid, project, identifier, priority: "none", url } as const;
  await approveByRule(
    deps,
    await changeTicket(deps, key, { kind: "requested", key, item, version }, correlation),
    correlation,
  );
  return getTicket(deps, key);
}

/** Finds the work item of a test ticket that does not name it. A ticket of none runs, and its update fails. */
async function findTestItem(deps: TaskDeps, { uuid, project_id }: TestTicket, key: string, correlation: string) {
  if (uuid !== undefined && project_id !== undefined) return undefined;
  const context = createCallContext(deps, { name: "Groundcrew", role: "human" }, correlation);
  return findTask(context, key).then(toTicketItem, ignoreNotFound);
}

function ignoreNotFound(thrown: unknown): undefined {
  if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
}
