/**
 * Changes a task as the caller: its fields with one request, its blockers with another. Repeating the call has no
 * further effect.
 */

import { GroundcrewError } from "../errors.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { parseBlockedByText, removeBlockedByLines } from "../sync/dependency-edges.ts";
import type { Priority } from "../task/snapshot.ts";
import { getAssignee, retryWithFreshLabels } from "./assignees.ts";
import type { CallContext } from "./call-context.ts";
import { type BlockerChanges, changeBlockers, findBlockerChanges, renderBlockedByLine } from "./change-blockers.ts";
import { changeAssignee, changeTask, createSoleAssigneeFields, createUnassignFields } from "./change-task.ts";
import { readFreshTask } from "./find-task.ts";
import {
  addToGroup,
  cleanTitle,
  findGroupProblems,
  findTaskProblems,
  findTaskRefusal,
  type ItemFields,
  isDay,
} from "./task-fields.ts";

/** What to change of a task. Absent fields stay as they are; null removes a value. */
export interface TaskChanges {
  title?: string | undefined;
  /** Markdown; replaces the whole description. */
  text?: string | undefined;
  /** An agent's name, or a person's e-mail address or display name. */
  assignee?: string | null | undefined;
  priority?: Priority | undefined;
  /** `YYYY-MM-DD` */
  start_date?: string | null | undefined;
  due_date?: string | null | undefined;
  /** Keys. */
  add_blockers?: readonly string[] | undefined;
  remove_blockers?: readonly string[] | undefined;
  /** Names of a cycle and a module of the project, which are created when there is none with the name. */
  cycle?: string | undefined;
  module?: string | undefined;
}

/**
 * Changes a task as the caller: its fields with one request, its blockers with another. Repeating the call has no
 * effect. Throws `bad_request` with all problems, and when tasks would wait for each other, before anything is written.
 */
export async function updateTask(context: CallContext, storedTask: Task, changes: TaskChanges): Promise<Task> {
  const problems = findChangeProblems(changes);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `Nothing was changed: ${problems.join("; ")}.`, {
      refusal: findChangeRefusal(changes),
    });
  const { add_blockers: added = [], remove_blockers: removed = [] } = changes;
  const blockers = await findBlockerChanges(context, storedTask, { added, removed });
  const { assignee: name } = changes;
  const assignee = typeof name === "string" ? await getAssignee(context, name) : name;
  // Lists in Plane are replaced as a whole, so the current ones must be known.
  const task = await readFreshTask(context, storedTask);
  const changed = await retryWithFreshLabels(context, task.project, async () => {
    const texts = await createTextFields(context, task, changes, blockers);
    const assigned = assignee ? await createSoleAssigneeFields(context, task, assignee) : undefined;
    if (assignee && assigned) return changeAssignee(context, task, assignee, { ...texts, ...assigned });
    const fields = { ...texts, ...(assignee === null ? await createUnassignFields(context, task) : {}) };
    return Object.keys(fields).length > 0 ? changeTask(context, task, fields) : task;
  });
  await addToGroups(context, changed, changes);
  return changeBlockers(context, changed, blockers);
}

function findChangeProblems(changes: TaskChanges): string[] {
  const { title, start_date, due_date } = changes;
  const dates = [start_date, due_date].flatMap((date) => date ?? []);
  const problems = [
    ...(Object.values(changes).every((value) => value === undefined) ? ["give at least one field to change"] : []),
    ...(title === undefined ? [] : findTaskProblems({ title })),
    ...findGroupProblems(changes),
    ...dates
      .filter((date) => !isDay(date))
      .map((date) => `"${date.slice(0, 20)}" is not a valid date; write YYYY-MM-DD`),
  ];
  if (problems.length === 0 && start_date && due_date && start_date > due_date)
    problems.push("start_date is after due_date");
  return problems;
}

function findChangeRefusal({ title, start_date, due_date, cycle, module }: TaskChanges) {
  const invalidDay = [start_date, due_date].find((date) => typeof date === "string" && !isDay(date));
  const fields = omitUndefined({ title, cycle, module, due_date: invalidDay ?? undefined });
  return findTaskRefusal(fields) ?? { name: "invalidChange" as const };
}

/** Plane's fields of title, description, priority and dates. Before Plane 1.3 blockers are a line of the description. */
async function createTextFields(
  context: CallContext,
  task: Task,
  { title, text, priority, start_date, due_date }: TaskChanges,
  blockers: BlockerChanges,
): Promise<ItemFields> {
  const html = await renderDescription(context, task, text, blockers);
  return omitUndefined({
    name: title === undefined ? undefined : cleanTitle(title),
    description_html: html,
    priority,
    start_date,
    target_date: due_date,
  });
}

/** The new description; undefined when it does not change. Throws `conflict` for a line that people must edit. */
async function renderDescription(
  context: CallContext,
  { key, item }: Task,
  text: string | undefined,
  { added, removed }: BlockerChanges,
): Promise<string | undefined> {
  const newHtml = text === undefined ? undefined : await toHtml(text);
  const { relations } = await context.deps.plane.capabilities();
  if (relations || (newHtml === undefined && added.length + removed.length === 0)) return newHtml;
  const { description } = item.snapshot;
  const removedKeys = removed.map((blocker) => blocker.key.toUpperCase());
  const keys = [...parseBlockedByText(description), ...added.map((blocker) => blocker.key.toUpperCase())];
  const remaining = [...new Set(keys)].filter((one) => !removedKeys.includes(one));
  const line = await renderBlockedByLine(
    context,
    remaining.map((one) => ({ key: one })),
  );
  const html = `${newHtml ?? removeBlockedByLines(description)}${line}`;
  const stillNamed = parseBlockedByText(html).find((one) => removedKeys.includes(one));
  if (stillNamed === undefined) return html;
  throw new GroundcrewError(
    "conflict",
    `The description of ${key} names ${stillNamed} in a "Blocked by" line inside other text. Give the whole description in text.`,
    { refusal: { name: "blockerLine", values: { task: key, blocker: stillNamed } } },
  );
}

/** Adds the task to the cycle and the module that the changes name, with Groundcrew's key, outside of the agent's pace. */
async function addToGroups(context: CallContext, { id, project }: Task, changes: TaskChanges): Promise<void> {
  const systemContext = { ...context, plane: context.systemPlane };
  for (const kind of ["cycle", "module"] as const) {
    const name = changes[kind];
    if (name !== undefined) await addToGroup(systemContext, project.id, { kind, name }, [id]);
  }
}
