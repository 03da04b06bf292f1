import type { TicketSettings } from "../config/tickets-schema.ts";
import { findLabelName, findPlanePerson } from "../observe/name-cache.ts";
import { isOpenItem } from "../task/diff.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import type { Task } from "../work/tasks/find-task.ts";
import type { Ticket } from "./ticket.ts";

/** Whether a ticket's work item was closed or removed, other than by the update of the ticket itself. */
export function isTicketClosed(
  { status }: TicketSettings,
  { closedByUpdate }: Pick<Ticket, "closedByUpdate">,
  { item }: Pick<Task, "item">,
): boolean {
  if (isOpenItem(item)) return false;
  return !closedByUpdate || item.gone !== undefined || item.snapshot.word !== status;
}

/** The projects whose work items may become tickets. */
export function getTicketProjects({ projects, repositories }: TicketSettings): string[] {
  const withRepository = Object.keys(repositories);
  return projects ? projects.filter((identifier) => withRepository.includes(identifier)) : withRepository;
}

/** Whether the settings want a ticket for a work item as it is now. */
export async function isTicketWanted(deps: WorkDeps, settings: TicketSettings, task: Task): Promise<boolean> {
  if (!getTicketProjects(settings).includes(task.project.identifier)) return false;
  if (!settings.states.includes(task.item.snapshot.word)) return false;
  if (settings.labels && !includesName(await readLabelNames(deps, task), settings.labels)) return false;
  return isAssignedToPeople(deps, settings, task);
}

/** Whether a work item is assigned to one of `people`, if the settings name any. */
export async function isAssignedToPeople(deps: WorkDeps, { people }: TicketSettings, { item }: Task): Promise<boolean> {
  if (!people) return true;
  const persons = await Promise.all(item.snapshot.assignees.map((id) => findPlanePerson(deps, id)));
  return includesName(
    persons.flatMap((person) => person?.name ?? []),
    people,
  );
}

/** The names of a work item's labels. */
export async function readLabelNames(
  deps: WorkDeps,
  { item, project }: Pick<Task, "item" | "project">,
): Promise<string[]> {
  const names = await Promise.all(item.snapshot.labels.map((id) => findLabelName(deps, project.id, id)));
  return names.flatMap((name) => name ?? []);
}

/** Whether one of the names is wanted; upper and lower case are the same. */
export function includesName(names: readonly string[], wanted: readonly string[]): boolean {
  const lower = names.map((name) => name.toLowerCase());
  return wanted.some((name) => lower.includes(name.toLowerCase()));
}
