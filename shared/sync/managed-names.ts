/**
 * The names of states and labels that mean something to Groundcrew. Renaming one in Plane keeps its id, so the name by
 * which an id was known is stored for each project, and the state or label keeps counting by that name. Without a
 * stored name, as after a lost store, the name in Plane decides.
 */

import type { Deps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { observedKeys } from "../records/store-keys.ts";
import { updateValue } from "../store/records.ts";
import { STATUSES } from "../task/snapshot.ts";
import { isRecent, MINUTE, type Ms } from "../time.ts";

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
export interface DeletedName {
  project: string;
  kind: ManagedNameKind;
  name: string;
  setting?: string;
}

/** Retention of the stored names in the cache: 1 min, after which what other processes have stored counts. */
const CACHE_MS: Ms = MINUTE;

const EMPTY: ManagedNamesRecord = { names: {}, deleted: [] };

/** The labels that Groundcrew adds and removes, and `code`, which asks for a commit and tests. */
export function listManagedLabels({ agents }: Pick<ManagedNameSettings, "agents">): string[] {
  return [...agents.map(({ name }) => `agent:${name}`), "review", "blocked", "code"];
}

function listManagedNames(settings: ManagedNameSettings, kind: ManagedNameKind): Set<string> {
  const names = kind === "labels" ? listManagedLabels(settings) : [...Object.values(settings.states).flat(), "blocked"];
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
export async function resolveList<Row extends NamedRow>(
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

async function readManagedNames(
  deps: Pick<Deps, "store" | "cache" | "clock">,
  project: string,
  kind: ManagedNameKind,
): Promise<ManagedNamesRecord> {
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
      const message = `${kind === "states" ? "state" : "label"} deleted in Plane`;
      for (const name of newlyDeleted)
        deps.log.warn(message, {
          project: row?.value.identifier ?? project,
          name,
          ...findSetting(deps.settings, kind, name),
        });
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
