import type { Deps } from "../deps.ts";
import { labelName, learnLabel } from "../observe/names.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { labels as labelCalls } from "../plane/states-labels.ts";

type LabelDeps = Pick<Deps, "cache" | "plane" | "clock">;

/** What our labels look like in Plane, until people choose otherwise. */
const COLORS: Record<string, string> = { blocked: "#d94f4f", review: "#f59e0b" };
const COLOR = "#6b5bd2";

export function colorOf(label: string): string {
  return COLORS[label] ?? COLOR;
}

/**
 * Plane's id of the project's label with this name, in upper or lower case; made when there is none. One request to
 * list a project's labels, then none. With Groundcrew's own key.
 */
export async function labelCalled(deps: LabelDeps, project: string, name: string): Promise<string> {
  const key = keyOf(project);
  const known = (await deps.cache.getItem<Record<string, string>>(key)) ?? (await listed(deps, project));
  const found = known[fold(name)] ?? (await made(deps, project, name));
  await deps.cache.setItem(key, { ...known, [fold(name)]: found });
  return found;
}

/** Forgets what the project's labels are: the next question asks Plane. */
export async function forgetLabels({ cache }: Pick<Deps, "cache">, project: string): Promise<void> {
  await cache.removeItem(keyOf(project));
}

/** What a task's labels are to be: names that come and names that go. */
export interface LabelChange {
  add?: readonly string[];
  drop?: readonly string[];
}

/** The whole list of label ids after the change, all others kept; undefined when it changes nothing. */
export async function labelsAfter(
  deps: LabelDeps,
  project: string,
  now: readonly string[],
  { add = [], drop = [] }: LabelChange,
): Promise<string[] | undefined> {
  const names = await Promise.all(now.map(async (id) => fold((await labelName(deps, project, id)) ?? "")));
  const kept = now.filter((_, i) => !drop.some((name) => fold(name) === names[i]));
  const coming = add.filter((name) => !names.includes(fold(name)));
  if (coming.length === 0 && kept.length === now.length) return undefined;
  const come: string[] = [];
  for (const name of coming) come.push(await labelCalled(deps, project, name));
  return [...new Set([...kept, ...come])];
}

async function listed(deps: LabelDeps, project: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const options = { params: { project }, priority: "interactive" as const };
  for await (const { data } of deps.plane.pages(labelCalls.list, options)) {
    for (const { id, name } of data.results) {
      found[fold(name)] = id;
      await learnLabel(deps, id, name);
    }
  }
  return found;
}

async function made(deps: LabelDeps, project: string, name: string): Promise<string> {
  const json = { name, color: colorOf(name) };
  try {
    const { data } = await deps.plane.call(labelCalls.create, { params: { project }, json, priority: "interactive" });
    await learnLabel(deps, data.id, name);
    return data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    await learnLabel(deps, thrown.id, name);
    return thrown.id;
  }
}

function keyOf(project: string): string {
  return `labels-of:${project}`;
}

function fold(name: string): string {
  return name.trim().toLowerCase();
}
