/**
 * Changes a task as the caller: its fields with one request, its blockers with another. Repeating the call has no
 * further effect.
 */

import { z } from "zod";
import { GroundcrewError } from "../errors.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { parseBlockedByText, removeBlockedByLines } from "../sync/dependency-edges.ts";
import { PRIORITIES } from "../task/snapshot.ts";
import { getAssignee, retryWithFreshLabels } from "./assignees.ts";
import type { CallContext } from "./call-context.ts";
import { type BlockerChanges, changeBlockers, findBlockerChanges, renderBlockedByLine } from "./change-blockers.ts";
import { changeAssignee, changeTask, createSoleAssigneeFields, createUnassignFields } from "./change-task.ts";
import { readFreshTask } from "./find-task.ts";
import {
  addTaskToGroups,
  cleanTitle,
  createProblemsError,
  type FieldProblem,
  findTaskProblems,
  type ItemFields,
} from "./task-fields.ts";

const day = z.string().nullable().optional();

/** What to change of a task. Absent fields stay as they are; null removes a value. */
export const taskChangesSchema = z.object({
  title: z.string().optional(),
  text: z.string().optional().describe("whole description, Markdown"),
  /** An agent's name, or a person's e-mail address or display name. */
  assignee: z.string().nullable().optional(),
  priority: z.enum(PRIORITIES).optional(),
  start_date: day,
  due_date: day,
  add_blockers: z.array(z.string()).max(50).optional().describe("task keys"),
  remove_blockers: z.array(z.string()).max(50).optional(),
  /** Names of a cycle and a module of the project, which are created when there is none with the name. */
  cycle: z.string().optional(),
  module: z.string().optional(),
});

export type TaskChanges = z.infer<typeof taskChangesSchema>;

/**
 * Changes a task as the caller: its fields with one request, its blockers with another. Repeating the call has no
 * effect. Throws `bad_request` with all problems, and when tasks would wait for each other, before anything is written.
 */
export async function updateTask(context: CallContext, storedTask: Task, changes: TaskChanges): Promise<Task> {
  const problems = findChangeProblems(changes);
  if (problems.length > 0) throw createProblemsError("Nothing was changed", problems);
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
  // With Groundcrew's key, outside of the agent's pace.
  await addTaskToGroups({ ...context, plane: context.systemPlane }, changed, changes);
  return changeBlockers(context, changed, blockers);
}

function findChangeProblems(changes: TaskChanges): FieldProblem[] {
  const { start_date, due_date } = changes;
  const refusal = { name: "invalidChange" } as const;
  if (Object.values(changes).every((value) => value === undefined))
    return [{ text: "give at least one field to change", refusal }];
  const problems = findTaskProblems(changes);
  const isReversed = start_date && due_date && start_date > due_date;
  return problems.length === 0 && isReversed ? [{ text: "start_date is after due_date", refusal }] : problems;
}

/** Plane's fields of title, description, priority and dates. Before Plane 1.3 blockers are a line of the description. */
async function createTextFields(
  context: CallContext,
  task: Task,
  { title, text, priority, start_date, due_date }: TaskChanges,
  blockers: BlockerChanges,
): Promise<ItemFields> {
  return omitUndefined({
    name: title === undefined ? undefined : cleanTitle(title),
    description_html: await renderDescription(context, task, text, blockers),
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
  const html = (newHtml ?? removeBlockedByLines(description)) + (await renderBlockedByLine(context, remaining));
  const stillNamed = parseBlockedByText(html).find((one) => removedKeys.includes(one));
  if (stillNamed === undefined) return html;
  throw new GroundcrewError(
    "conflict",
    `The description of ${key} names ${stillNamed} in a "Blocked by" line inside other text. Give the whole description in text.`,
    { refusal: { name: "blockerLine", values: { task: key, blocker: stillNamed } } },
  );
}
