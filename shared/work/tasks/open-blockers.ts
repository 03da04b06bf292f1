import type { ObserveDeps } from "../../observe/observe-item.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { KeptItem, Status } from "../../task/snapshot.ts";

/** A task that others wait for, as they are told of it. */
export interface Blocker {
  id: string;
  /** `ONB-12`, or `?-12` when its project is not kept. */
  key: string;
  title: string;
  status: Status;
}

/** The open blockers of these items, by Plane's id, from what is kept: two reads of the store, no request to Plane. */
export async function readOpenBlockers(
  { store }: Pick<ObserveDeps, "store">,
  items: readonly KeptItem[],
): Promise<Map<string, Blocker>> {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  if (ids.length === 0) return new Map();
  const snapshots = (await store.read<KeptItem>(ids.map(observedKeys.item))).flatMap((one) =>
    one ? [one.value.snapshot] : [],
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
