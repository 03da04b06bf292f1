import type { ObserveDeps } from "../../observe/observe-item.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { KeptItem, Status } from "../../task/snapshot.ts";

/** A blocker as it is shown on its dependants. */
export interface Blocker {
  id: string;
  /** `ONB-12`, or `?-12` when its project is not stored. */
  key: string;
  title: string;
  status: Status;
}

/** Reads the open blockers of these items, by Plane's id: two reads of the store, no request to Plane. */
export async function readOpenBlockers(
  { store }: Pick<ObserveDeps, "store">,
  items: readonly KeptItem[],
): Promise<Map<string, Blocker>> {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  if (ids.length === 0) return new Map();
  const snapshots = (await store.read<KeptItem>(ids.map(observedKeys.item))).flatMap((record) =>
    record ? [record.value.snapshot] : [],
  );
  const projects = [...new Set(snapshots.map(({ project }) => project))];
  const projectRecords = await store.read<KeptProject>(projects.map(observedKeys.project));
  const identifiers = new Map(projects.map((id, i) => [id, projectRecords[i]?.value.identifier ?? "?"]));
  return new Map(
    snapshots.map(({ id, project, sequence, name, word }) => {
      const key = `${identifiers.get(project) ?? "?"}-${sequence}`;
      return [id, { id, key, title: name, status: word }];
    }),
  );
}
