import type { ObserveDeps } from "../observe/item.ts";
import type { KeptProject } from "../observe/kept.ts";
import { keys } from "../observe/keys.ts";
import type { KeptItem, Word } from "../task/snapshot.ts";

/** A task that others wait for, as they are told of it. */
export interface Blocker {
  id: string;
  /** `ONB-12`, or `?-12` when its project is not kept. */
  key: string;
  title: string;
  word: Word;
}

/** The open blockers of these items, by Plane's id, from what is kept: two reads of the store, no request to Plane. */
export async function blockersOf(
  { store }: Pick<ObserveDeps, "store">,
  items: readonly KeptItem[],
): Promise<Map<string, Blocker>> {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  if (ids.length === 0) return new Map();
  const kept = (await store.read<KeptItem>(ids.map(keys.item))).flatMap((one) => (one ? [one.value.snapshot] : []));
  const projects = [...new Set(kept.map(({ project }) => project))];
  const named = await store.read<KeptProject>(projects.map(keys.project));
  const identifiers = new Map(projects.map((id, i) => [id, named[i]?.value.identifier ?? "?"]));
  return new Map(
    kept.map(({ id, project, sequence, name, word }) => {
      const key = `${identifiers.get(project) ?? "?"}-${sequence}`;
      return [id, { id, key, title: name, word }];
    }),
  );
}
