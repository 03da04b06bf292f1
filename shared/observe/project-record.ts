import { shiftPlaneTime } from "../plane/time.ts";
import type { Put } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/**
 * Whether Plane lists this project's items. For an archived project it returns 200 and no items (observation rule 5).
 */
export function isReadableProject(project: KeptProject): boolean {
  return project.member && !project.archived && !project.gone;
}

/** Whether the project was created since the observation of the workspace began, so that everything in it is new. */
export function isNewProject(project: KeptProject): boolean {
  return project.began === project.createdAt;
}

/**
 * Returns Plane's time since which items of a first read are new. Plane's `Date` header has whole seconds, so items
 * created in the second in which observation began count as existing. In a new project nothing can have existed before.
 */
export function getNewSince(project: KeptProject): string {
  return isNewProject(project) ? project.began : shiftPlaneTime(project.began, 1000);
}

/** Returns the stored projects whose items Plane lists. */
export async function listReadableProjects(deps: Pick<ObserveDeps, "store">): Promise<KeptProject[]> {
  return (await readAllRows<KeptProject>(deps, observedSets.projects))
    .map(({ value }) => value)
    .filter(isReadableProject);
}

/** A project that is gone leaves the set of projects. */
export function toProjectPut(project: KeptProject): Put {
  return { key: observedKeys.project(project.id), value: project, sets: project.gone ? [] : [observedSets.projects] };
}
