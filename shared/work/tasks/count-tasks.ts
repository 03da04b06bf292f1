import { observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { Store } from "../../store/port.ts";

/** Counts a project's tasks and the closed (done or cancelled) ones among them. */
export async function countTasks(
  { store }: { store: Pick<Store, "count"> },
  { id }: KeptProject,
): Promise<{ closed: number; total: number }> {
  const [total, open] = await Promise.all([store.count(observedSets.items(id)), store.count(observedSets.open(id))]);
  return { closed: total - open, total };
}
