import { cyclesApi } from "../plane/cycles-modules.ts";
import { DAY, type Ms } from "../time.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys } from "./store-keys.ts";

/** The items of a cycle at its last read. Plane sends no webhook when an item is added or removed. */
export interface KeptCycleItems {
  /** Plane's ids. */
  items: string[];
  /** Store time when the read began. */
  at: Ms;
}

/** Retention of a cycle's items: 90 days after the last read, so that those of an ended cycle can still be shown. */
const RETENTION_MS: Ms = 90 * DAY;

/** Reads the items of a cycle from Plane, 1,000 with one request, and stores their ids. */
export async function readCycleItems(
  { store, plane }: Pick<ObserveDeps, "store" | "plane">,
  { id, project }: { id: string; project: string },
): Promise<void> {
  const at = await store.now();
  const items: string[] = [];
  for await (const { data } of plane.pages(cyclesApi.items, { params: { project, cycle: id } }))
    items.push(...data.results.map((item) => item.id));
  const value: KeptCycleItems = { items, at };
  const put = [{ key: observedKeys.cycleItems(id), value: { ...value }, expires: RETENTION_MS }];
  await store.commit({ put });
}
