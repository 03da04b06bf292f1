/**
 * The fields of a task as callers give them: which titles and dates are valid, what Plane's fields are, and the cycle
 * and the module by name.
 */

import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import type { RefusalName } from "../i18n/en.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type Endpoint, GROUNDCREW_SOURCE, type PlanePage } from "../plane/endpoint.ts";
import { createOnce } from "../plane/errors.ts";
import { cyclesApi, modulesApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { cleanLine } from "../text.ts";
import type { CallContext } from "./call-context.ts";
import type { NewTask, PlannedCycle } from "./plan-record.ts";

/** A problem of a field, for agents and as people read it. */
export interface FieldProblem {
  text: string;
  refusal: { name: RefusalName; values?: Record<string, string> };
}

/** A cycle or a module of a project, by its name. */
export type TaskGroupKind = "cycle" | "module";

interface PlaneGroup {
  id: string;
  name: string;
  archived_at: string | null;
}

/** Plane's limit of a title, and of the name of a cycle or module, in characters. */
const MAX_LENGTH = 255;

const GROUP_APIS: Record<TaskGroupKind, { create: Endpoint<PlaneGroup>; list: Endpoint<PlanePage<PlaneGroup>> }> = {
  cycle: cyclesApi,
  module: modulesApi,
};

/** Finds the problems of a task's own fields; empty when they are valid. Absent fields are. */
export function findTaskProblems(
  fields: {
    [Field in "title" | "start_date" | "due_date" | "cycle" | "module"]?: string | null | undefined;
  },
): FieldProblem[] {
  const { title, start_date, due_date, cycle, module } = fields;
  const limit = String(MAX_LENGTH);
  const problems: FieldProblem[] = [];
  const add = (text: string, name: RefusalName, values: Record<string, string>) =>
    problems.push({ text, refusal: { name, values } });
  if (typeof title === "string") {
    const length = [...cleanTitle(title)].length;
    const values = { n: String(length), limit };
    if (cleanLine(title, title.length) === "") add("the title is empty", "invalidTitle", values);
    if (length > MAX_LENGTH) add(`the title has ${length} characters; the limit is ${limit}`, "invalidTitle", values);
  }
  for (const text of [start_date, due_date]) {
    const date = text?.slice(0, 20) ?? "";
    if (text && !isDay(text)) add(`"${date}" is not a valid date; write YYYY-MM-DD`, "invalidDate", { date });
  }
  for (const [kind, name] of Object.entries({ cycle, module })) {
    const length = typeof name === "string" ? [...cleanGroupName(name)].length : 1;
    if (length === 0 || length > MAX_LENGTH)
      add(`the name of its ${kind} must have 1 to ${limit} characters`, "invalidGroup", { limit });
  }
  return problems;
}

/** The refusal of a call because of problems of a task's fields: all of them for agents, the first one for people. */
export function createProblemsError(consequence: string, problems: readonly FieldProblem[]): GroundcrewError {
  const texts = problems.map(({ text }) => text).join("; ");
  return new GroundcrewError("bad_request", `${consequence}: ${texts}.`, { refusal: problems[0]?.refusal });
}

/** Removes what Plane cannot store (NUL, lone surrogates) and surrounding white space. */
export const cleanTitle = (title: string) => title.toWellFormed().replaceAll("\0", "").trim();

const cleanGroupName = (name: string) => cleanLine(name, Number.POSITIVE_INFINITY);

/** Whether a text is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const at = /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

/** Plane's fields of a new task, without its assignee. */
export async function toItemFields({ title, description, priority, due_date }: NewTask, blockedByLine: string) {
  const html = `${description ? await toHtml(description) : ""}${blockedByLine}`;
  const fields = { description_html: html || undefined, priority, target_date: due_date };
  return { name: cleanTitle(title), ...omitUndefined(fields) };
}

/** Adds a task to the cycle and the module that are named. */
export async function addTaskToGroups(
  context: CallContext,
  { id, project }: Pick<Task, "id" | "project">,
  names: { [Kind in TaskGroupKind]?: string | undefined },
): Promise<void> {
  for (const kind of ["cycle", "module"] as const) {
    const name = names[kind];
    if (name !== undefined) await addToGroup(context, project.id, { kind, name }, [id]);
  }
}

/**
 * Adds tasks to the cycle or module of a project with this name, and creates it when there is none: a cycle with its
 * dates, else as a draft. Repeating the call changes nothing. Throws what Plane answers, for example for a cycle that
 * has ended.
 */
export async function addToGroup(
  context: CallContext,
  project: string,
  { kind, name, dates }: { kind: TaskGroupKind; name: string; dates?: PlannedCycle | undefined },
  items: readonly string[],
): Promise<void> {
  const { plane } = context;
  const id = await getOrCreateGroup(context, project, kind, cleanGroupName(name), dates);
  const json = { issues: items };
  if (kind === "cycle") await plane.call(cyclesApi.addItems, { params: { project, cycle: id }, json });
  else await plane.call(modulesApi.addItems, { params: { project, module: id }, json });
}

async function getOrCreateGroup(
  { plane }: CallContext,
  project: string,
  kind: TaskGroupKind,
  name: string,
  dates: PlannedCycle | undefined,
): Promise<string> {
  const params = { project };
  const isSame = (row: PlaneGroup) => row.archived_at === null && row.name.trim().toLowerCase() === name.toLowerCase();
  for await (const { data } of plane.pages(GROUP_APIS[kind].list, { params })) {
    const found = data.results.find(isSame);
    if (found) return found.id;
  }
  const hash = (await sha256Hex(name.toLowerCase())).slice(0, 32);
  const external = { external_source: GROUNDCREW_SOURCE, external_id: `${kind}:${hash}` };
  const cycleDates = omitUndefined({ start_date: dates?.start_date, end_date: dates?.end_date });
  const json = kind === "cycle" ? { name, project_id: project, ...cycleDates, ...external } : { name, ...external };
  return createOnce(() => plane.call(GROUP_APIS[kind].create, { params, json }));
}
