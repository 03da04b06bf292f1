/**
 * Names for the ids in snapshots: people, labels, states. They are cached from every observed item and read from Plane
 * when they are unknown, at most every ten minutes. They are also stored beside the store, so that after a restart
 * notifications need no read of Plane; stored names that were used are read again at the next poll.
 *
 * Some states and labels mean something to Groundcrew. Renaming one in Plane keeps its id, so the name by which an id
 * was known is stored for each project, and the state or label keeps counting by that name. Without a stored name, as
 * after a lost store, the name in Plane decides.
 */

import { z } from "zod";
import type { Deps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneCallOptions, readList } from "../plane/endpoint.ts";
import { PlaneError } from "../plane/errors.ts";
import { labelsApi, membersApi, statesApi } from "../plane/projects.ts";
import { observedKeys } from "../records/store-keys.ts";
import { updateValue } from "../store/records.ts";
import { type NamedState, STATUSES } from "../task/snapshot.ts";
import { isRecent, MINUTE, type Ms } from "../time.ts";

type NameCacheDeps = Pick<Deps, "cache" | "plane" | "clock" | "store" | "settings" | "log"> & {
  /** Plane is not asked: an unknown name stays unknown. */
  usesKnownNames?: true;
};

type ReadOptions = Pick<PlaneCallOptions, "priority">;

/** One list of names in Plane. */
type NameList = "members" | `labels:${string}` | `states:${string}`;

export type ManagedNameKind = "states" | "labels";

interface ManagedNamesRecord {
  /** By Plane's id the name, in lower case, by which a state or label counts. */
  names: Record<string, string>;
  /** Names that count, but that no state or label has any more. */
  deleted: string[];
}

type ManagedNameSettings = Pick<Settings, "states"> & { agents: readonly { name: string }[] };

type ManagedNameDeps = Pick<Deps, "store" | "cache" | "clock" | "settings" | "log">;

interface NamedRow {
  id: string;
  name: string;
}

/** A state or label that was deleted in Plane; `setting` names it. */
interface DeletedName {
  project: string;
  kind: ManagedNameKind;
  name: string;
  setting?: string;
}

/** The label of a template of recurring work. */
export const RECURRING_LABEL = "recurring";

/** The part of the cache that outlives the process: `runtime/create-deps.ts` mounts it. */
export const STORED_NAMES = "stored";

/** What is cached of an id: of a person also the e-mail address, of a state also its group. */
const cachedNameSchema = z.object({
  name: z.string(),
  email: z.string().exactOptional(),
  group: z.string().exactOptional(),
});

type CachedName = z.infer<typeof cachedNameSchema>;

export type PlanePerson = Omit<CachedName, "group">;

/**
 * Interval between reads of a list: at least 10 minutes, so that an id Plane does not list costs no request each time.
 */
const REFETCH_AFTER_MS = 10 * MINUTE;

/** Lists of which a name that an earlier process stored was used. */
const STALE_LISTS = "stale";

/** Retention of the stored names in the cache: 1 min, after which what other processes have stored counts. */
const CACHE_MS: Ms = MINUTE;

const EMPTY: ManagedNamesRecord = { names: {}, deleted: [] };

/** Finds a person by Plane id; undefined when Plane does not list them as a member of the workspace. */
export async function findPlanePerson(deps: NameCacheDeps, id: string): Promise<PlanePerson | undefined> {
  return findCached(deps, `person:${id}`, "members");
}

async function findCached(deps: NameCacheDeps, key: string, list: NameList): Promise<CachedName | undefined> {
  const cached = await deps.cache.getItem<CachedName>(key);
  if (cached) return cached;
  // Content that is not a name, and a failing cache, count as unknown.
  const content = await deps.cache.getItem(`${STORED_NAMES}:${key}`).catch(() => undefined);
  const stored = cachedNameSchema.safeParse(content).data;
  if (stored !== undefined) {
    await deps.cache.setItem(key, stored);
    await deps.cache.setItem(`${STALE_LISTS}:${list}`, { list });
    return stored;
  }
  if (deps.usesKnownNames || !(await fetchUnlessRecent(deps, list))) return undefined;
  return (await deps.cache.getItem<CachedName>(key)) ?? undefined;
}

/** Reads a list of names, unless it was read in the last 10 minutes. Returns whether it was read. */
async function fetchUnlessRecent(deps: NameCacheDeps, list: NameList): Promise<boolean> {
  const lastFetch = await deps.cache.getItem<{ at: number }>(`list-read:${list}`);
  if (lastFetch && isRecent(lastFetch.at, REFETCH_AFTER_MS, deps.clock())) return false;
  await fetchList(deps, list);
  return true;
}

/** Caches the names of the workspace's members, as they were read just now. */
export async function cacheMembers(
  deps: Pick<Deps, "cache" | "clock">,
  members: readonly { id: string; display_name: string; email: string | null }[],
): Promise<void> {
  for (const member of members) await cachePerson(deps, member.id, toPlanePerson(member));
  await deps.cache.removeItem(`${STALE_LISTS}:members`);
  await deps.cache.setItem("list-read:members", { at: deps.clock() });
}

async function fetchList(deps: NameCacheDeps, list: NameList): Promise<void> {
  const [kind, project = ""] = list.split(":");
  if (kind === "members") await cacheMembers(deps, (await deps.plane.call(membersApi.list)).data);
  else await (kind === "labels" ? readLabels : readStates)(deps, project);
  await deps.cache.setItem(`list-read:${list}`, { at: deps.clock() });
}

/** Reads all labels of a project; each has the name by which it counts (`resolveList`). */
export async function readLabels(deps: NameCacheDeps, project: string, options: ReadOptions = {}) {
  const { rows } = await readList(deps.plane, labelsApi.list, { params: { project }, ...options });
  for (const { id, name } of rows) await cacheLabelName(deps, id, name);
  return resolveList(deps, project, "labels", rows);
}

/** Reads all states of a project; each has the name by which it counts (`resolveList`). */
export async function readStates(deps: NameCacheDeps, project: string, options: ReadOptions = {}) {
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
  return (await findCached(deps, `label:${id}`, `labels:${project}`))?.name;
}

/** Finds the name by which a label counts: for one that Groundcrew manages the first, also after people renamed it. */
export async function findManagedLabelName(deps: NameCacheDeps, project: string, id: string) {
  const name = await findLabelName(deps, project, id);
  return (await resolveName(deps, project, "labels", { id, name: name ?? "" })).name || undefined;
}

/** Finds a state, with the name by which it counts. */
export async function findNamedState(deps: NameCacheDeps, project: string, id: string) {
  const state = await findCached(deps, `state:${id}`, `states:${project}`);
  return state && resolveName(deps, project, "states", { id, name: state.name, group: state.group ?? "unstarted" });
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
    return true;
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.debug("names not read again", { list, error: getErrorMessage(thrown) });
    return false;
  }
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

async function cacheName({ cache }: Pick<Deps, "cache">, key: string, value: CachedName) {
  const known = await cache.getItem<CachedName>(key);
  if (known && (["name", "email", "group"] as const).every((field) => known[field] === value[field])) return;
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

/** The labels that Groundcrew adds and removes, and `code`, which asks for a commit and tests. */
export function listManagedLabels({ agents }: Pick<ManagedNameSettings, "agents">): string[] {
  return [...agents.map(({ name }) => `agent:${name}`), "review", "blocked", "code"];
}

function listManagedNames(settings: ManagedNameSettings, kind: ManagedNameKind): Set<string> {
  const names =
    kind === "labels"
      ? [...listManagedLabels(settings), RECURRING_LABEL]
      : [...Object.values(settings.states).flat(), "blocked"];
  return new Set(names.map(normalizeName));
}

function normalizeName(name: string): string {
  return name.trim().toLowerCase();
}

/**
 * Returns the rows with the names by which they count: a name that means something counts, else the known one of this
 * id, else the name in Plane. `names` is what is then known, by id. Pure.
 */
export function resolveRows<Row extends NamedRow>(
  rows: readonly Row[],
  known: Readonly<Record<string, string>>,
  settings: ManagedNameSettings,
  kind: ManagedNameKind,
): { rows: Row[]; names: Record<string, string> } {
  const managed = listManagedNames(settings, kind);
  const names = { ...known };
  const resolved = rows.map((row) => {
    const name = normalizeName(row.name);
    if (managed.has(name)) names[row.id] = name;
    const knownName = names[row.id];
    return knownName !== undefined && knownName !== name && managed.has(knownName) ? { ...row, name: knownName } : row;
  });
  return { rows: resolved, names };
}

/** Returns one state or label of a project with the name by which it counts, and stores that name. */
export async function resolveName<Row extends NamedRow>(
  deps: ManagedNameDeps,
  project: string,
  kind: ManagedNameKind,
  row: Row,
): Promise<Row> {
  const { names } = await readManagedNames(deps, project, kind);
  const resolved = resolveRows([row], names, deps.settings, kind);
  if (resolved.names[row.id] !== names[row.id])
    await storeManagedNames(deps, project, kind, (stored) => ({
      ...stored,
      names: { ...stored.names, ...resolveRows([row], {}, deps.settings, kind).names },
      deleted: stored.deleted.filter((name) => name !== resolved.names[row.id]),
    }));
  return resolved.rows[0] ?? row;
}

/**
 * Returns all states or labels of a project, as Plane lists them, with the names by which they count. Stores these
 * names, and logs those that nothing in the list has any more.
 */
async function resolveList<Row extends NamedRow>(
  deps: ManagedNameDeps,
  project: string,
  kind: ManagedNameKind,
  rows: readonly Row[],
): Promise<Row[]> {
  // Plane lists no states of a project that was archived meanwhile; every other project has some.
  if (rows.length === 0 && kind === "states") return [];
  const managed = listManagedNames(deps.settings, kind);
  let resolvedRows: Row[] = [];
  await storeManagedNames(deps, project, kind, (stored) => {
    const { rows: resolved, names } = resolveRows(rows, stored.names, deps.settings, kind);
    resolvedRows = resolved;
    const present = new Set(rows.map(({ id }) => names[id]));
    const missing = Object.values(names).filter((name) => managed.has(name) && !present.has(name));
    return { names, deleted: [...new Set(missing)].sort() };
  });
  return resolvedRows;
}

async function readManagedNames(deps: Pick<Deps, "store" | "cache" | "clock">, project: string, kind: ManagedNameKind) {
  const key = observedKeys.managedNames(project, kind);
  const cached = await deps.cache.getItem<{ at: Ms; record: ManagedNamesRecord }>(key);
  if (cached && isRecent(cached.at, CACHE_MS, deps.clock())) return cached.record;
  const [stored] = await deps.store.read<ManagedNamesRecord>([key]);
  const record = stored?.value ?? EMPTY;
  await deps.cache.setItem(key, { at: deps.clock(), record });
  return record;
}

async function storeManagedNames(
  deps: ManagedNameDeps,
  project: string,
  kind: ManagedNameKind,
  change: (stored: ManagedNamesRecord) => ManagedNamesRecord,
): Promise<void> {
  const key = observedKeys.managedNames(project, kind);
  await updateValue<ManagedNamesRecord>(deps, key, (stored) => {
    const record = change(stored ?? EMPTY);
    if (stored && JSON.stringify(stored) === JSON.stringify(record)) return undefined;
    const afterCommit = async () => {
      await deps.cache.setItem(key, { at: deps.clock(), record });
      const newlyDeleted = record.deleted.filter((name) => !stored?.deleted.includes(name));
      if (newlyDeleted.length === 0) return;
      const [row] = await deps.store.read<{ identifier: string }>([observedKeys.project(project)]);
      const identifier = row?.value.identifier ?? project;
      for (const name of newlyDeleted) {
        const details = { project: identifier, name, ...findSetting(deps.settings, kind, name) };
        deps.log.warn(`${kind === "states" ? "state" : "label"} deleted in Plane`, details);
      }
    };
    return { put: [{ key, value: record }], afterCommit };
  });
}

/** The place in the settings that names this state. */
function findSetting({ states }: ManagedNameSettings, kind: ManagedNameKind, name: string): { setting?: string } {
  const status = STATUSES.find((other) => states[other]?.some((listed) => normalizeName(listed) === name));
  return kind === "states" && status ? { setting: `states.${status}` } : {};
}

/** Lists the states and labels of these projects that were deleted in Plane. */
export async function listDeletedNames(
  deps: Pick<Deps, "store" | "settings">,
  projects: readonly { id: string; identifier: string }[],
): Promise<DeletedName[]> {
  const places = projects.flatMap(({ id, identifier }) =>
    (["states", "labels"] as const).map((kind) => ({ id, identifier, kind })),
  );
  const records = await deps.store.read<ManagedNamesRecord>(
    places.map(({ id, kind }) => observedKeys.managedNames(id, kind)),
  );
  return places.flatMap(({ identifier, kind }, i) => {
    const managed = listManagedNames(deps.settings, kind);
    const deleted = records[i]?.value.deleted.filter((name) => managed.has(name)) ?? [];
    return deleted.map((name) => ({ project: identifier, kind, name, ...findSetting(deps.settings, kind, name) }));
  });
}
