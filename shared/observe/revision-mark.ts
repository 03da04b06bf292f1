import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys } from "./store-keys.ts";

/** Returns a new revision. Values with a greater revision were stored after this call, so after the pass began. */
export async function takeRevisionMark(deps: Pick<ObserveDeps, "store" | "newId">, project: string): Promise<number> {
  const key = observedKeys.mark(project);
  await deps.store.commit({ put: [{ key, value: deps.newId() }] });
  const [mark] = await deps.store.read([key]);
  return mark?.rev ?? 0;
}
