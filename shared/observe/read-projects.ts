import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneProject, projectsApi } from "../plane/projects.ts";
import { shiftPlaneTime, toPlaneTime } from "../plane/time.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import type { ProjectEvent } from "../task/events.ts";
import { MINUTE } from "../time.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareProjectUpdate } from "./prepare-project-update.ts";
import { isReadableProject, toProjectPut } from "./project-record.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject, KeptProjectsRead, KeptWorkspace } from "./stored-records.ts";

/** Result of one read of all projects: the followed projects in their stored form. */
export interface ProjectsReadResult {
  /** Plane's `Date`, as `YYYY-MM-DDTHH:MM:SS.000000Z`. */
  date: string;
  projects: KeptProject[];
}

/**
 * Delay after which an unknown project is not new: one that appears 10 minutes after its creation was hidden from our
 * key.
 */
const HIDDEN_AFTER_MS = 10 * MINUTE;

/**
 * Reads all projects, before any items (observation rule 5), and stores which are new, archived, renamed or missing.
 * The first read of a workspace is its baseline and causes no events. Neither does a project that was created before
 * the previous read and appears only now: the key was given access, or the settings were changed.
 */
export async function readProjects(deps: ObserveDeps, correlation: string): Promise<ProjectsReadResult> {
  const startedAt = await deps.store.now();
  const listed: PlaneProject[] = [];
  let date = "";
  for await (const answer of deps.plane.pages(projectsApi.list, {})) {
    if (date === "") date = toPlaneTime(answer.date);
    listed.push(...answer.data.results);
  }
  const { isFirst, began } = await observeWorkspace(deps, listed[0]?.workspace ?? "", date);
  const [last] = await deps.store.read<KeptProjectsRead>([observedKeys.projectsRead]);
  const visibleSince = last && !isFirst ? shiftPlaneTime(last.value.date, -HIDDEN_AFTER_MS) : began;
  const followed = listed.filter((project) => isFollowed(deps, project.identifier));
  const projects: KeptProject[] = [];
  for (const project of followed) {
    const isNew = !isFirst && project.created_at >= began && project.created_at >= visibleSince;
    const since = isNew ? project.created_at : isFirst ? date : "";
    projects.push(await observeProject(deps, project, { isNew, since }, correlation));
  }
  await markMissingProjects(deps, new Set(followed.map((project) => project.id)));
  await deps.store.commit({
    put: [{ key: observedKeys.projectsRead, value: { at: startedAt, date } satisfies KeptProjectsRead }],
  });
  return { date, projects };
}

/**
 * Returns whether this is the first read of the workspace `id` ("" when Plane lists no project), and when observation
 * began.
 */
async function observeWorkspace(
  deps: ObserveDeps,
  id: string,
  date: string,
): Promise<{ isFirst: boolean; began: string }> {
  const [kept] = await deps.store.read<KeptWorkspace>([observedKeys.workspace]);
  const isSame = kept !== undefined && (id === "" || kept.value.id === "" || kept.value.id === id);
  const value: KeptWorkspace = { id: id || (kept?.value.id ?? ""), began: isSame ? kept.value.began : date };
  if (!isSame || value.id !== kept.value.id)
    await deps.store.commit({
      expect: [[observedKeys.workspace, kept?.rev ?? 0]],
      put: [{ key: observedKeys.workspace, value }],
    });
  return { isFirst: !isSame, began: value.began };
}

function isFollowed(deps: Pick<ObserveDeps, "settings">, identifier: string): boolean {
  const wanted = deps.settings.plane?.projects ?? [];
  return wanted.length === 0 || wanted.some((other) => other.toUpperCase() === identifier.toUpperCase());
}

/**
 * How an unknown project is stored. `since`: Plane's time since which its items are new; "" is set by its first pass.
 */
interface FirstSighting {
  isNew: boolean;
  since: string;
}

async function observeProject(
  deps: ObserveDeps,
  project: PlaneProject,
  sighting: FirstSighting,
  correlation: string,
): Promise<KeptProject> {
  const key = observedKeys.project(project.id);
  return updateValue<KeptProject, KeptProject>(deps, key, async (kept, rev) => {
    const {
      gone: _gone,
      missing: _missing,
      ...rest
    } = kept ?? {
      completed: false,
      began: sighting.since,
      baseline: false,
      cursor: "",
      window: 0,
    };
    const next: KeptProject = {
      ...rest,
      id: project.id,
      identifier: project.identifier,
      name: project.name,
      createdAt: project.created_at,
      archived: project.archived_at !== null,
      member: project.is_member,
      cycles: project.cycle_view,
    };
    if (!next.baseline && !isReadableProject(next)) next.began = "";
    if (kept && JSON.stringify(kept) === JSON.stringify(next)) return { result: next };
    const events: ProjectEvent[] = !kept && sighting.isNew ? [{ kind: "project_created" }] : [];
    return { ...(await prepareProjectUpdate(deps, next, rev, events, correlation)), result: next };
  });
}

/** Marks projects that Plane no longer lists: gone after two reads. Their items cause no events. */
async function markMissingProjects(deps: ObserveDeps, listed: Set<string>): Promise<void> {
  for (const { key, value, rev } of await readAllRows<KeptProject>(deps, observedSets.projects)) {
    if (listed.has(value.id)) continue;
    const next: KeptProject = { ...value, missing: true, ...omitUndefined({ gone: value.missing ? true : undefined }) };
    await deps.store.commit({ expect: [[key, rev]], put: [toProjectPut(next)] });
  }
}
