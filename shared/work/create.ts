import { cleaned } from "../clean.ts";
import { GroundcrewError } from "../errors.ts";
import { toHtml } from "../markdown/to-html.ts";
import type { KeptProject } from "../observe/kept.ts";
import { readableProjects } from "../observe/projects.ts";
import type { Priority } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import { alone } from "./alone.ts";
import { findProject, findTask, type Task } from "./find.ts";
import { handing, handTo, linesFor, makeItem, relate, withLabels } from "./making.ts";
import { type Assignee, assigneeCalled } from "./people.ts";
import { onceId } from "./say.ts";

/** A task as somebody asks for it. */
export interface NewTask {
  title: string;
  /** Markdown. */
  description?: string | undefined;
  /** An agent's name, or a person's e-mail address or display name. */
  assignee?: string | undefined;
  priority?: Priority | undefined;
  /** `YYYY-MM-DD` */
  due_date?: string | undefined;
  /** Keys of the tasks it waits for. */
  blocked_by?: readonly string[] | undefined;
}

/** Plane's limit, in characters. */
const LONGEST_TITLE = 255;

/**
 * Makes one task as the caller; called again within ten minutes, cut off or not, it is the same task. A task that waits
 * is handed to its assignee only once Plane knows what it waits for. Throws `bad_request` with everything that is wrong.
 */
export async function createTask(acting: Acting, given: NewTask & { project: string }): Promise<Task> {
  const project = await projectCalled(acting, given.project);
  const problems = problemsOf(given);
  if (problems.length > 0) throw new GroundcrewError("bad_request", `The task was not made: ${problems.join("; ")}.`);
  const to = given.assignee === undefined ? undefined : await assigneeCalled(acting, given.assignee);
  const blockers = await tasksCalled(acting, given.blocked_by ?? []);
  const id = await onceId(acting, "create_task", project.id, JSON.stringify(given));
  return alone(acting, `task:${id}`, () => made(acting, project, `task:${id}`, given, to, blockers));
}

async function made(
  acting: Acting,
  project: KeptProject,
  id: string,
  given: NewTask,
  to: Assignee | undefined,
  blockers: Task[],
): Promise<Task> {
  const lines = await linesFor(acting, blockers);
  const waits = blockers.length > 0 && lines === "";
  const fields = await fieldsOf(given, lines);
  const { task } = await withLabels(acting, project, async () =>
    makeItem(acting, project, id, { ...fields, ...(to && !waits && (await handing(acting, project, to))) }),
  );
  const related = await relate(acting, task, blockers);
  if (!to) return related;
  const { task: handed, refused } = await handTo(acting, related, to);
  if (refused) throw new GroundcrewError("conflict", `${handed.key} was made, but ${refused}.`);
  return handed;
}

/** What is wrong with a task by itself, for people; nothing when it can be made. */
export function problemsOf({ title, due_date }: NewTask): string[] {
  const length = [...titleOf(title)].length;
  return [
    ...(cleaned(title, title.length) === "" ? ["the title is empty"] : []),
    ...(length > LONGEST_TITLE ? [`the title has ${length} characters, Plane takes ${LONGEST_TITLE}`] : []),
    ...(due_date !== undefined && !isDay(due_date) ? [`"${due_date.slice(0, 20)}" is no day; write YYYY-MM-DD`] : []),
  ];
}

/** A title without what Plane cannot keep (NUL, halves of surrogate pairs) and the blanks around it. */
function titleOf(title: string): string {
  return title.toWellFormed().replaceAll("\0", "").trim();
}

/** Plane's fields of a new task, but for whom it is handed to. */
export async function fieldsOf({ title, description, priority, due_date }: NewTask, lines: string) {
  const html = `${description ? await toHtml(description) : ""}${lines}`;
  return {
    name: titleOf(title),
    ...(html !== "" && { description_html: html }),
    ...(priority && { priority }),
    ...(due_date !== undefined && { target_date: due_date }),
  };
}

/** The project of this identifier or name. Throws `not_found` with those there are. */
export async function projectCalled({ deps }: Acting, given: string): Promise<KeptProject> {
  const found = await findProject(deps, given);
  if (found) return found;
  const some = (await readableProjects(deps)).slice(0, 20).map(({ identifier, name }) => `${identifier} (${name})`);
  throw new GroundcrewError(
    "not_found",
    `There is no project "${given.slice(0, 60)}". create_project makes one. There are: ${some.join(", ") || "none"}.`,
  );
}

/** The tasks with these keys, each once. Throws as `findTask` does. */
async function tasksCalled(acting: Acting, given: readonly string[]): Promise<Task[]> {
  const found = new Map<string, Task>();
  for (const key of given) {
    const task = await findTask(acting, key);
    found.set(task.id, task);
  }
  return [...found.values()];
}

function isDay(text: string): boolean {
  const at = /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
