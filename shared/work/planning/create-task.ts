import { cleanLine } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import type { RefusalName } from "../../i18n/texts/refusal-texts.ts";
import { keepDefined } from "../../keep-defined.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { listReadableProjects } from "../../observe/project-record.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { type Assignee, getAssignee } from "../changes/assignees.ts";
import {
  addBlockers,
  assignIfUnassigned,
  createAssignFields,
  createItem,
  renderBlockedByLine,
  retryWithFreshLabels,
} from "../changes/create-item.ts";
import { getIdempotencyKey } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { withLock } from "../context/with-lock.ts";
import type { NewTask } from "../plan-runs/plan.ts";
import { findProject, findTask, type Task } from "../tasks/find-task.ts";
import { addPlannedCard } from "./planned-card.ts";
import { addToGroup, findGroupProblems } from "./task-groups.ts";

/** Plane's limit of a title, in characters. */
const MAX_TITLE_LENGTH = 255;

/**
 * Creates one task as the caller; a repeated call within ten minutes returns the same task. A task with blockers is
 * assigned only after Plane has stored its dependencies. Throws `bad_request` with all problems.
 */
export async function createTask(context: CallContext, newTask: NewTask & { project: string }): Promise<Task> {
  const project = await getProjectByName(context, newTask.project);
  const problems = findTaskProblems(newTask);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `The task was not created: ${problems.join("; ")}.`, {
      refusal: findTaskRefusal(newTask),
    });
  const assignee = newTask.assignee === undefined ? undefined : await getAssignee(context, newTask.assignee);
  const blockers = await findTasksByKey(context, newTask.blocked_by ?? []);
  const id = await getIdempotencyKey(context, "create_task", project.id, JSON.stringify(newTask));
  return withLock(context, "task", id, () =>
    createAndAssign(context, project, `task:${id}`, newTask, assignee, blockers),
  );
}

async function createAndAssign(
  context: CallContext,
  project: KeptProject,
  id: string,
  newTask: NewTask,
  assignee: Assignee | undefined,
  blockers: Task[],
): Promise<Task> {
  const blockedByLine = await renderBlockedByLine(context, blockers);
  const mustWait = blockers.length > 0 && blockedByLine === "";
  const fields = await toItemFields(newTask, blockedByLine);
  const { task } = await retryWithFreshLabels(context, project, async () => {
    const assignFields = assignee && !mustWait ? await createAssignFields(context, project, assignee) : {};
    return createItem(context, project, id, { ...fields, ...assignFields });
  });
  const related = await addBlockers(context, task, blockers);
  for (const kind of ["cycle", "module"] as const) {
    const name = newTask[kind];
    if (name !== undefined) await addToGroup(context, project.id, { kind, name }, [task.id]);
  }
  const { task: assigned, refused } = assignee
    ? await assignIfUnassigned(context, related, assignee)
    : { task: related, refused: undefined };
  await addPlannedCard(context, assigned, assignee, newTask.estimate);
  if (refused && assignee) {
    const values = { name: assignee.name, task: assigned.key, project: assigned.project.identifier };
    throw new GroundcrewError("conflict", `${assigned.key} was created, but ${refused}.`, {
      refusal: { name: "guest", values },
    });
  }
  return assigned;
}

/** Finds the problems of a task's own fields, for people; empty when it can be created. */
export function findTaskProblems({ title, due_date, cycle, module }: NewTask): string[] {
  const length = [...cleanTitle(title)].length;
  const problems = keepDefined([
    cleanLine(title, title.length) === "" ? "the title is empty" : undefined,
    length > MAX_TITLE_LENGTH ? `the title has ${length} characters; the limit is ${MAX_TITLE_LENGTH}` : undefined,
    due_date !== undefined && !isDay(due_date)
      ? `"${due_date.slice(0, 20)}" is not a valid date; write YYYY-MM-DD`
      : undefined,
  ]);
  return [...problems, ...findGroupProblems({ cycle, module })];
}

/** The first problem of a task's own fields as a person reads it; undefined when there is none. */
export function findTaskRefusal({
  title = "-",
  due_date,
  cycle,
  module,
}: Partial<NewTask>): { name: RefusalName; values: Record<string, string> } | undefined {
  const [length, limit] = [[...cleanTitle(title)].length, String(MAX_TITLE_LENGTH)];
  if (cleanLine(title, title.length) === "" || length > MAX_TITLE_LENGTH)
    return { name: "invalidTitle", values: { n: String(length), limit } };
  if (due_date !== undefined && !isDay(due_date))
    return { name: "invalidDate", values: { date: due_date.slice(0, 20) } };
  return findGroupProblems({ cycle, module }).length > 0 ? { name: "invalidGroup", values: { limit } } : undefined;
}

/** Removes what Plane cannot store (NUL, lone surrogates) and surrounding white space. */
export function cleanTitle(title: string): string {
  return title.toWellFormed().replaceAll("\0", "").trim();
}

/** Plane's fields of a new task, without its assignee. */
export async function toItemFields({ title, description, priority, due_date }: NewTask, blockedByLine: string) {
  const html = `${description ? await toHtml(description) : ""}${blockedByLine}`;
  return {
    name: cleanTitle(title),
    ...omitUndefined({ description_html: html !== "" ? html : undefined, priority, target_date: due_date }),
  };
}

/** Finds a project by its identifier or name. Throws `not_found` with the existing ones. */
export async function getProjectByName({ deps }: CallContext, projectName: string): Promise<KeptProject> {
  const project = await findProject(deps, projectName);
  if (project) return project;
  const examples = (await listReadableProjects(deps))
    .slice(0, 20)
    .map(({ identifier, name }) => `${identifier} (${name})`);
  throw new GroundcrewError(
    "not_found",
    `There is no project "${projectName.slice(0, 60)}". Create it with create_project. Existing projects: ${examples.join(", ") || "none"}.`,
    {
      refusal: {
        name: "unknownProject",
        values: { project: projectName.slice(0, 60), projects: examples.join(", ") || "–" },
      },
    },
  );
}

/** Finds the tasks with these keys, without duplicates. Throws as `findTask` does. */
async function findTasksByKey(context: CallContext, keys: readonly string[]): Promise<Task[]> {
  const tasks = new Map<string, Task>();
  for (const key of keys) {
    const task = await findTask(context, key);
    tasks.set(task.id, task);
  }
  return [...tasks.values()];
}

/** Whether a text is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const at = /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
