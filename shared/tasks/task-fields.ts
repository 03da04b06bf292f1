/**
 * The fields of a task as callers give them: which titles and dates are valid, what Plane's fields are, and the cycle
 * and the module by name.
 */

import { sha256Hex } from "../hashing.ts";
import type { RefusalName } from "../i18n/en.ts";
import { toHtml } from "../markdown/to-html.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { Endpoint, PlaneCallOptions, PlanePage } from "../plane/endpoint.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { cyclesApi, modulesApi } from "../plane/work-items.ts";
import { GROUNDCREW_SOURCE } from "../sync/normalize.ts";
import { cleanLine } from "../text.ts";
import type { CallContext } from "./call-context.ts";
import type { NewTask, PlannedCycle } from "./plan-record.ts";

/** Plane's fields of a work item that may be changed. A list replaces the whole previous list. */
export interface ItemFields {
  name?: string;
  description_html?: string;
  state?: string;
  priority?: string;
  assignees?: string[];
  labels?: string[];
  start_date?: string | null;
  target_date?: string | null;
}

/** A cycle or a module of a project, by its name. */
export type TaskGroupKind = "cycle" | "module";

interface PlaneGroup {
  id: string;
  name: string;
  archived_at: string | null;
}

/** Plane's limit of a title, in characters. */
const MAX_TITLE_LENGTH = 255;

/** Plane's limit of the name of a cycle or module, in characters. */
const MAX_NAME_LENGTH = 255;

const CREATE_ENDPOINTS: Record<TaskGroupKind, Endpoint<PlaneGroup>> = {
  cycle: cyclesApi.create,
  module: modulesApi.create,
};

const LIST_ENDPOINTS: Record<TaskGroupKind, Endpoint<PlanePage<PlaneGroup>>> = {
  cycle: cyclesApi.list,
  module: modulesApi.list,
};

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
  context: CallContext,
  project: string,
  kind: TaskGroupKind,
  name: string,
  dates: PlannedCycle | undefined,
): Promise<string> {
  const existing = await findGroup(context, project, kind, name);
  if (existing !== undefined) return existing;
  const hash = (await sha256Hex(name.toLowerCase())).slice(0, 32);
  const external = { external_source: GROUNDCREW_SOURCE, external_id: `${kind}:${hash}` };
  const cycleDates = omitUndefined({ start_date: dates?.start_date, end_date: dates?.end_date });
  const options: PlaneCallOptions = {
    params: { project },
    json: kind === "cycle" ? { name, project_id: project, ...cycleDates, ...external } : { name, ...external },
  };
  try {
    const { data } = await context.plane.call(CREATE_ENDPOINTS[kind], options);
    return data.id;
  } catch (thrown) {
    // An interrupted call has created it.
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}

async function findGroup(
  { plane }: CallContext,
  project: string,
  kind: TaskGroupKind,
  name: string,
): Promise<string | undefined> {
  for await (const { data } of plane.pages(LIST_ENDPOINTS[kind], { params: { project } })) {
    const found = data.results.find((row) => row.archived_at === null && isSameName(row.name, name));
    if (found) return found.id;
  }
  return undefined;
}

function isSameName(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.toLowerCase();
}

function cleanGroupName(name: string): string {
  return cleanLine(name, Number.POSITIVE_INFINITY);
}

/** Why a project cannot have a cycle or module with the names that a task gives; empty when it can. */
export function findGroupProblems({ cycle, module }: Pick<NewTask, "cycle" | "module">): string[] {
  return Object.entries({ cycle, module }).flatMap(([kind, name]) => {
    if (name === undefined) return [];
    const length = [...cleanGroupName(name)].length;
    return length >= 1 && length <= MAX_NAME_LENGTH
      ? []
      : [`the name of its ${kind} must have 1 to ${MAX_NAME_LENGTH} characters`];
  });
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

/** Whether a text is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const at = /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
