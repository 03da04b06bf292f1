import type { Deps } from "../app/deps.ts";
import { findNamedState } from "../observe/name-cache.ts";
import { PlaneError } from "../plane/errors.ts";
import type { KeptItem } from "../task/snapshot.ts";

type BacklogDeps = Pick<Deps, "cache" | "plane" | "clock"> & { settings: Pick<Deps["settings"], "wake_backlog"> };

/**
 * Whether the item is in a state of Plane's group Backlog, of which no agent is woken unless `wake_backlog` is set. The
 * state's group is cached from every observation, so this rarely sends a request; a state that Plane cannot name now
 * counts as another one.
 */
export async function isHeldInBacklog(deps: BacklogDeps, { snapshot }: KeptItem): Promise<boolean> {
  if (deps.settings.wake_backlog || snapshot.word !== "todo") return false;
  const state = await findNamedState(deps, snapshot.project, snapshot.state).catch((thrown: unknown) => {
    if (thrown instanceof PlaneError) return undefined;
    throw thrown;
  });
  return state?.group === "backlog";
}
