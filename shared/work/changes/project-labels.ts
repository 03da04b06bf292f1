import type { Deps } from "../../app/deps.ts";
import { cacheLabelName, findLabelName } from "../../observe/name-cache.ts";
import { PlaneConflictError } from "../../plane/errors.ts";
import { labelsApi as labelCalls } from "../../plane/states-labels.ts";

type LabelDeps = Pick<Deps, "cache" | "plane" | "clock">;

/** Initial colors of the labels that Groundcrew creates; people may change them in Plane. */
const COLORS: Record<string, string> = { blocked: "#d94f4f", review: "#f59e0b" };
const DEFAULT_COLOR = "#6b5bd2";

export function getLabelColor(label: string): string {
  return COLORS[label] ?? DEFAULT_COLOR;
}

/**
 * Returns Plane's id of the project's label with this name, ignoring case; creates the label when there is none. The
 * first call for a project lists its labels, later ones use the cache. Uses Groundcrew's own key.
 */
export async function getOrCreateLabel(deps: LabelDeps, project: string, name: string): Promise<string> {
  const key = labelsKey(project);
  const knownLabels = (await deps.cache.getItem<Record<string, string>>(key)) ?? (await listLabels(deps, project));
  const label = knownLabels[normalizeName(name)] ?? (await createLabel(deps, project, name));
  await deps.cache.setItem(key, { ...knownLabels, [normalizeName(name)]: label });
  return label;
}

/** Drops the cached labels of a project, so that the next lookup asks Plane. */
export async function forgetLabels({ cache }: Pick<Deps, "cache">, project: string): Promise<void> {
  await cache.removeItem(labelsKey(project));
}

/** Names of labels to add to a task and to remove from it. */
export interface LabelChange {
  add?: readonly string[];
  drop?: readonly string[];
}

/** Returns the complete list of label ids after the change; undefined when nothing changes. */
export async function applyLabelChange(
  deps: LabelDeps,
  project: string,
  current: readonly string[],
  { add = [], drop = [] }: LabelChange,
): Promise<string[] | undefined> {
  const names = await Promise.all(
    current.map(async (id) => normalizeName((await findLabelName(deps, project, id)) ?? "")),
  );
  const remaining = current.filter((_, i) => !drop.some((name) => normalizeName(name) === names[i]));
  const newNames = add.filter((name) => !names.includes(normalizeName(name)));
  if (newNames.length === 0 && remaining.length === current.length) return undefined;
  const newLabels: string[] = [];
  for (const name of newNames) newLabels.push(await getOrCreateLabel(deps, project, name));
  return [...new Set([...remaining, ...newLabels])];
}

async function listLabels(deps: LabelDeps, project: string): Promise<Record<string, string>> {
  const labelIds: Record<string, string> = {};
  const options = { params: { project }, priority: "interactive" as const };
  for await (const { data } of deps.plane.pages(labelCalls.list, options)) {
    for (const { id, name } of data.results) {
      labelIds[normalizeName(name)] = id;
      await cacheLabelName(deps, id, name);
    }
  }
  return labelIds;
}

async function createLabel(deps: LabelDeps, project: string, name: string): Promise<string> {
  const json = { name, color: getLabelColor(name) };
  try {
    const { data } = await deps.plane.call(labelCalls.create, { params: { project }, json, priority: "interactive" });
    await cacheLabelName(deps, data.id, name);
    return data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    await cacheLabelName(deps, thrown.id, name);
    return thrown.id;
  }
}

function labelsKey(project: string): string {
  return `labels-of:${project}`;
}

function normalizeName(name: string): string {
  return name.trim().toLowerCase();
}
