import { cleanLine } from "../../clean-text.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Endpoint, PlaneCallOptions, PlanePage } from "../../plane/client.ts";
import { cyclesApi, modulesApi } from "../../plane/cycles-modules.ts";
import { PlaneConflictError } from "../../plane/errors.ts";
import type { CallContext } from "../context/call-context.ts";
import type { NewTask, PlannedCycle } from "../plan-runs/plan.ts";

/** A cycle or a module of a project, by its name. */
export type TaskGroupKind = "cycle" | "module";

/** Plane's limit of the name of a cycle or module, in characters. */
const MAX_NAME_LENGTH = 255;

interface PlaneGroup {
  id: string;
  name: string;
  archived_at: string | null;
}
const CREATE_ENDPOINTS: Record<TaskGroupKind, Endpoint<PlaneGroup>> = {
  cycle: cyclesApi.create,
  module: modulesApi.create,
};
const LIST_ENDPOINTS: Record<TaskGroupKind, Endpoint<PlanePage<PlaneGroup>>> = {
  cycle: cyclesApi.list,
  module: modulesApi.list,
};

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
