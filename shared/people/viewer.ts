/**
 * Who uses the page, its API or the chat, and what they see: a person sees the projects of which they are a member, an
 * admin everything. What a person may not see is not in the store that the code reads for them, so that no list, detail
 * or explanation has to leave it out by itself.
 */

import type { Deps } from "../app/deps.ts";
import { parseTaskKey } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { ProjectRecord } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Store, StoredRow, StoreKey } from "../store/port.ts";
import { scanPages } from "../store/records.ts";
import type { RequestSubject } from "../task/request.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { ADMIN_NAME, type Person } from "./directory.ts";
import type { PersonRole } from "./roles.ts";

/** Who uses the page, its API or the chat. */
export interface Viewer {
  /** Plane's id of the person; absent for the holder of ADMIN_TOKEN. */
  id?: string;
  name: string;
  email?: string;
  role: PersonRole;
  /** Plane's ids of the projects that they see; absent: all. */
  projects?: ReadonlySet<string>;
}

/** Where a record belongs: to a project, by its id or the identifier, perhaps within a key; to none; or to an item. */
type Place = { project: string | undefined } | { named: string } | { item: string };

/** The holder of ADMIN_TOKEN, who is no person of the workspace. */
export const ADMIN_VIEWER: Viewer = { name: ADMIN_NAME, role: "admin" };

/** How the records that name a project, a task or what people wrote about one say where they belong, by their key's beginning. */
const PLACES: Readonly<Record<string, (value: never) => Place>> = {
  project: ({ id }: ProjectRecord) => ({ project: id }),
  item: ({ snapshot }: ItemRecord) => ({ project: snapshot.project }),
  cycle: ({ project }: { project: string }) => ({ project }),
  ticket: ({ item }: { item: { project: string } }) => ({ project: item.project }),
  planrun: ({ project }: { project?: string }) => ({ project }),
  request: ({ subject: { project, item } }: { subject: RequestSubject }) =>
    project === undefined && item !== undefined ? { item } : { project },
  decision: ({ project }: { project: { identifier: string } }) => ({ named: project.identifier }),
  "upload-progress": ({ task }: { task: string }) => ({ named: task }),
  "permission-rule": ({ subject }: { subject: string }) => ({ named: subject }),
  "asked-for": () => ({ project: undefined }),
  "ticket-news": ({ data }: { data: { id: string } }) => ({ named: data.id }),
};

/** Sets of records of all projects, of which only the visible ones count. */
const SHARED_SET = /^(?:tickets:|requests$|planruns)/;

/** Describes a person as a viewer; undefined for somebody who is not in the workspace. */
export function toViewer({ id, name, email, role, projects }: Person): Viewer | undefined {
  if (id === undefined || role === undefined) return undefined;
  const seen = role === "admin" ? undefined : new Set(projects);
  return { id, name, role, ...omitUndefined({ email, projects: seen }) };
}

/** The dependencies with which to read for a viewer; to act, take the whole ones. */
export function limitDeps<D extends { store: Deps["store"] }>(deps: D, viewer: Viewer): D {
  return viewer.projects ? { ...deps, store: limitStore(deps.store, viewer.projects, viewer.role) } : deps;
}

/**
 * The store without the records of other projects than these. Guests see nothing that belongs to no project: members
 * plan new ones.
 */
function limitStore(store: Store, projects: ReadonlySet<string>, role: PersonRole): Store {
  let identifiers: Promise<ReadonlySet<string>> | undefined;
  async function readIdentifiers(): Promise<ReadonlySet<string>> {
    const rows = await store.read<ProjectRecord>([...projects].map(observedKeys.project));
    return new Set(rows.flatMap((row) => row?.value.identifier.toUpperCase() ?? []));
  }

  async function isVisible(key: StoreKey, value: unknown): Promise<boolean> {
    const findPlace = PLACES[key.slice(0, key.indexOf(":"))] as ((value: unknown) => Place) | undefined;
    if (!findPlace) return true;
    const place = findPlace(value);
    if ("named" in place) {
      identifiers ??= readIdentifiers();
      return (await identifiers).has(parseTaskKey(place.named)?.identifier ?? place.named.toUpperCase());
    }
    if ("project" in place) return place.project === undefined ? role !== "guest" : projects.has(place.project);
    const [item] = await store.read<ItemRecord>([observedKeys.item(place.item)]);
    return item !== undefined && projects.has(item.value.snapshot.project);
  }

  async function keepVisible<T>(rows: readonly StoredRow<T>[]): Promise<StoredRow<T>[]> {
    const visible = await Promise.all(rows.map(({ key, value }) => isVisible(key, value)));
    return rows.filter((_, i) => visible[i]);
  }

  const limited: Store = {
    ...store,
    async read<T>(keys: StoreKey[]) {
      const values = await store.read<T>(keys);
      const visible = await Promise.all(values.map(async (row, i) => row && isVisible(keys[i] ?? "", row.value)));
      return values.map((row, i) => (visible[i] ? row : undefined));
    },
    async scan<T>(set: string, after?: string, limit?: number) {
      const page = await store.scan<T>(set, after, limit);
      return { ...page, rows: await keepVisible(page.rows) };
    },
    async count(set) {
      if (!SHARED_SET.test(set)) return store.count(set);
      let total = 0;
      for await (const rows of scanPages({ store: limited }, set)) total += rows.length;
      return total;
    },
  };
  return limited;
}

/** Whether a viewer sees the task that is named by its key or Plane's id; what is not stored is seen by admins only. */
export async function seesTask({ store }: Pick<Deps, "store">, { projects }: Viewer, task: string): Promise<boolean> {
  if (!projects) return true;
  const key = parseTaskKey(task);
  if (!key) {
    const [item] = await store.read<ItemRecord>([observedKeys.item(task.trim().toLowerCase())]);
    return item !== undefined && projects.has(item.value.snapshot.project);
  }
  const rows = await store.read<ProjectRecord>([...projects].map(observedKeys.project));
  return rows.some((row) => row?.value.identifier.toUpperCase() === key.identifier);
}
