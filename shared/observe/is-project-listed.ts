import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { projectsApi } from "../plane/projects.ts";
import type { ObserveDeps } from "./observe-item.ts";

/**
 * Reads from Plane whether this project's items are listed. Called before missing items count as removed: items of a
 * project that was archived or deleted since its last read cause no events (observation rule 5).
 */
export async function isProjectListed(deps: ObserveDeps, id: string): Promise<boolean> {
  try {
    const { data } = await deps.plane.call(projectsApi.get, { params: { project: id } });
    return data.archived_at === null && data.is_member;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return false;
    throw thrown;
  }
}
