/**
 * Names for the ids in snapshots: people, labels, states. They are cached from every observed item and read from Plane
 * when they are unknown, at most every ten minutes. They are also stored beside the store, so that after a restart
 * notifications need no read of Plane; stored names that were used are read again at the next poll.
 */

import { z } from "zod";
import type { Deps } from "../app/deps.ts";
import { getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneCallOptions, readList } from "../plane/endpoint.ts";
import { PlaneError } from "../plane/errors.ts";
import { labelsApi, membersApi, statesApi } from "../plane/projects.ts";
import type { NamedState } from "../task/snapshot.ts";
import { isRecent, MINUTE } from "../time.ts";
import { resolveList, resolveName } from "./managed-names.ts";

type NameCacheDeps = Pick<Deps, "cache" | "plane" | "clock" | "store" | "settings" | "log"> & {
  /** Plane is not asked: an unknown name stays unknown. */
  usesKnownNames?: true;
};

/** One list of names in Plane. */
type NameList = "members" | `labels:${string}` | `states:${string}`;

/** The part of the cache that outlives the process: `runtime/create-deps.ts` mounts it. */
export const STORED_NAMES = "stored";

const personSchema = z.object({ name: z.string(), email: z.string().exactOptional() });

export type PlanePerson = z.infer<typeof personSchema>;

const labelSchema = z.object({ name: z.string() });

const stateSchema = z.object({ name: z.string(), group: z.string() });

/**
 * Interval between reads of a list: at least 10 minutes, so that an id Plane does not list costs no request each time.
 */
const REFETCH_AFTER_MS = 10 * MINUTE;

/** Lists of which a name that an earlier process stored was used. */
const STALE_LISTS = "stale";

/** Finds a person by Plane id; undefined when Plane does not list them as a member of the workspace. */
export async function findPlanePerson(deps: NameCacheDeps, id: string): Promise<PlanePerson | undefined> {
  return findCached(deps, `person:${id}`, "members", personSchema);
}

async function findCached<T extends z.ZodType>(
  deps: NameCacheDeps,
  key: string,
  list: NameList,
  schema: T,
): Promise<z.infer<T> | undefined> {
  const cached = await deps.cache.getItem<z.infer<T>>(key);
  if (cached) return cached;
  const stored = await readStoredName(deps, key, schema);
  if (stored !== undefined) {
    await deps.cache.setItem(key, stored as object);
    await deps.cache.setItem(`${STALE_LISTS}:${list}`, { list });
    return stored;
  }
  if (deps.usesKnownNames || !(await fetchUnlessRecent(deps, list))) return undefined;
  return (await deps.cache.getItem<z.infer<T>>(key)) ?? undefined;
}

/** Content that is not a name of this kind, and a failing cache, count as unknown. */
async function readStoredName<T extends z.ZodType>(
  { cache }: Pick<Deps, "cache">,
  key: string,
  schema: T,
): Promise<z.infer<T> | undefined> {
  const stored = await cache.getItem(`${STORED_NAMES}:${key}`).catch(() => undefined);
  return schema.safeParse(stored).data;
}

/** Reads a list of names, unless it was read in the last 10 minutes. Returns whether it was read. */
async function fetchUnlessRecent(deps: NameCacheDeps, list: NameList): Promise<boolean> {
  const lastFetch = await deps.cache.getItem<{ at: number }>(`list-read:${list}`);
  if (lastFetch && isRecent(lastFetch.at, REFETCH_AFTER_MS, deps.clock())) return false;
  await fetchList(deps, list);
  await deps.cache.setItem(`list-read:${list}`, { at: deps.clock() });
  return true;
}

async function fetchList(deps: NameCacheDeps, list: NameList): Promise<void> {
  if (list === "members") {
    const { data } = await deps.plane.call(membersApi.list);
    for (const member of data) await cachePerson(deps, member.id, toPlanePerson(member));
    return;
  }
  const [kind, project = ""] = list.split(":");
  if (kind === "labels") await readLabels(deps, project);
  else await readStates(deps, project);
}

/** Reads all labels of a project; each has the name by which it counts (`resolveList`). */
export async function readLabels(
  deps: NameCacheDeps,
  project: string,
  options: Pick<PlaneCallOptions, "priority"> = {},
): Promise<{ id: string; name: string }[]> {
  const { rows } = await readList(deps.plane, labelsApi.list, { params: { project }, ...options });
  for (const { id, name } of rows) await cacheLabelName(deps, id, name);
  return resolveList(deps, project, "labels", rows);
}

/** Reads all states of a project; each has the name by which it counts (`resolveList`). */
export async function readStates(
  deps: NameCacheDeps,
  project: string,
  options: Pick<PlaneCallOptions, "priority"> = {},
): Promise<z.infer<typeof statesApi.list.answer>["results"]> {
  const { rows } = await readList(deps.plane, statesApi.list, { params: { project }, ...options });
  for (const state of rows) await cacheState(deps, state.id, state);
  return resolveList(deps, project, "states", rows);
}

/** Finds the Plane id of the person with this e-mail address; undefined when they are not a member of the workspace. */
export async function findPersonIdByEmail(deps: NameCacheDeps, email: string): Promise<string | undefined> {
  const key = `email:${email.toLowerCase()}`;
  const read = async () => (await deps.cache.getItem<{ id: string }>(key))?.id;
  return (await read()) ?? ((await fetchUnlessRecent(deps, "members")) ? read() : undefined);
}

export async function findLabelName(deps: NameCacheDeps, project: string, id: string): Promise<string | undefined> {
  return (await findCached(deps, `label:${id}`, `labels:${project}`, labelSchema))?.name;
}

/** Finds the name by which a label counts: for one that Groundcrew manages the first, also after people renamed it. */
export async function findManagedLabelName(
  deps: NameCacheDeps,
  project: string,
  id: string,
): Promise<string | undefined> {
  const name = await findLabelName(deps, project, id);
  return (await resolveName(deps, project, "labels", { id, name: name ?? "" })).name || undefined;
}

/** Finds a state, with the name by which it counts. */
export async function findNamedState(
  deps: NameCacheDeps,
  project: string,
  id: string,
): Promise<NamedState | undefined> {
  const state = await findCached(deps, `state:${id}`, `states:${project}`, stateSchema);
  return state && resolveName(deps, project, "states", { id, ...state });
}

/**
 * Reads the members once in each process, so that the actors of later webhooks are known while Plane is down, and the
 * lists of which stored names were used since the start, because a name may have changed meanwhile. At most one request
 * for each list and process. A list that cannot be read is tried again at the next poll.
 */
export async function refreshNames(deps: NameCacheDeps): Promise<void> {
  if (!(await deps.cache.hasItem("list-read:members")))
    await deps.cache.setItem(`${STALE_LISTS}:members`, { list: "members" });
  for (const key of await deps.cache.getKeys(`${STALE_LISTS}:`)) {
    const list = key.slice(STALE_LISTS.length + 1) as NameList;
    if (await refreshList(deps, list)) await deps.cache.removeItem(key);
  }
}

/** Reads the states and labels of these projects: Plane does not announce that one was renamed or deleted. */
export async function refreshProjectNames(deps: NameCacheDeps, projects: readonly { id: string }[]): Promise<void> {
  for (const { id } of projects) {
    await refreshList(deps, `states:${id}`);
    await refreshList(deps, `labels:${id}`);
  }
}

/** Reads a list; false when Plane cannot be reached or refuses. */
async function refreshList(deps: NameCacheDeps, list: NameList): Promise<boolean> {
  try {
    await fetchList(deps, list);
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.debug("names not read again", { list, error: getErrorMessage(thrown) });
    return false;
  }
  await deps.cache.setItem(`list-read:${list}`, { at: deps.clock() });
  return true;
}

/** Converts a Plane user from a webhook, the member list or an expanded assignee. */
export function toPlanePerson(user: { display_name: string; email: string | null }): PlanePerson {
  return { name: user.display_name, ...omitUndefined({ email: user.email || undefined }) };
}

export async function cachePerson(deps: Pick<Deps, "cache">, id: string, person: PlanePerson): Promise<void> {
  await cacheName(deps, `person:${id}`, { ...person });
  // Not stored beside the store: an account is looked up by its address only for requests to Plane.
  if (person.email) await deps.cache.setItem(`email:${person.email.toLowerCase()}`, { id });
}

async function cacheName<T extends Record<string, string>>(
  { cache }: Pick<Deps, "cache">,
  key: string,
  value: T,
): Promise<void> {
  const known = await cache.getItem<T>(key);
  if (known && Object.keys({ ...known, ...value }).every((field) => known[field] === value[field])) return;
  await cache.setItem(key, value);
  // A name that cannot be stored is read from Plane after a restart.
  await cache.setItem(`${STORED_NAMES}:${key}`, value).catch(() => {});
}

export async function cacheLabelName(deps: Pick<Deps, "cache">, id: string, name: string): Promise<void> {
  await cacheName(deps, `label:${id}`, { name });
}

export async function cacheState(deps: Pick<Deps, "cache">, id: string, state: NamedState): Promise<void> {
  await cacheName(deps, `state:${id}`, { name: state.name, group: state.group });
}
