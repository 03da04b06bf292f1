import { omitUndefined } from "../omit-undefined.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { type PlaneProject, projectsApi as projectCalls } from "../plane/projects.ts";
import type { Put } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue, type ValueUpdate } from "../store/update.ts";
import type { ProjectEvent } from "../task/events.ts";
import { MINUTE } from "../time.ts";
import { decideActions } from "./decide-actions.ts";
import { toProjectFacts } from "./event-facts.ts";
import type { ObserveDeps } from "./observe-item.ts";
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
  for await (const answer of deps.plane.pages(projectCalls.list, {})) {
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

/**
 * Reads from Plane whether this project's items are listed. Called before missing items count as removed: items of a
 * project that was archived or deleted since its last read cause no events (observation rule 5).
 */
export async function isProjectListed(deps: ObserveDeps, id: string): Promise<boolean> {
  try {
    const { data } = await deps.plane.call(projectCalls.get, { params: { project: id } });
    return data.archived_at === null && data.is_member;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return false;
    throw thrown;
  }
}

/** Converts Plane's `Date` header to the format of Plane's other times, so that they compare as strings. */
export function toPlaneTime(date: string): string {
  return `${date.slice(0, 19)}.000000Z`;
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

/**
 * Whether Plane lists this project's items. For an archived project it returns 200 and no items (observation rule 5).
 */
export function isReadableProject(project: KeptProject): boolean {
  return project.member && !project.archived && !project.gone;
}

/** Prepares one commit of a project's next state and the jobs for its events. */
async function prepareProjectUpdate(
  deps: ObserveDeps,
  project: KeptProject,
  rev: number,
  events: ProjectEvent[],
  correlation: string,
): Promise<ValueUpdate> {
  const key = observedKeys.project(project.id);
  const decision = await decideActions(deps, {
    key,
    rev,
    events,
    correlation,
    via: "read",
    facts: async () => toProjectFacts(deps, project, project.createdAt),
  });
  const put = [toProjectPut(project), ...decision.put];
  return { put, jobs: decision.jobs, afterCommit: decision.publish };
}

/**
 * Returns Plane's time since which items of a first read are new. Plane's `Date` header has whole seconds, so items
 * created in the second in which observation began count as existing. In a new project nothing can have existed before.
 */
export function getNewSince(project: KeptProject): string {
  return isNewProject(project) ? project.began : shiftPlaneTime(project.began, 1000);
}

/** Whether the project was created since the observation of the workspace began, so that everything in it is new. */
export function isNewProject(project: KeptProject): boolean {
  return project.began === project.createdAt;
}

/** Adds `ms` milliseconds to a time of Plane; its microseconds stay. */
export function shiftPlaneTime(time: string, ms: number): string {
  const micros = time.slice(23, 26);
  return `${new Date(Date.parse(`${time.slice(0, 23)}Z`) + ms).toISOString().slice(0, 23)}${micros}Z`;
}

/** Returns the stored projects whose items Plane lists. */
export async function listReadableProjects(deps: Pick<ObserveDeps, "store">): Promise<KeptProject[]> {
  return (await readAllRows<KeptProject>(deps, observedSets.projects))
    .map(({ value }) => value)
    .filter(isReadableProject);
}

export function toProjectPut(project: KeptProject): Put {
  return { key: observedKeys.project(project.id), value: project, sets: project.gone ? [] : [observedSets.projects] };
}

/** Marks projects that Plane no longer lists: gone after two reads. Their items cause no events. */
async function markMissingProjects(deps: ObserveDeps, listed: Set<string>): Promise<void> {
  for (const { key, value, rev } of await readAllRows<KeptProject>(deps, observedSets.projects)) {
    if (listed.has(value.id)) continue;
    const next: KeptProject = { ...value, missing: true, ...omitUndefined({ gone: value.missing ? true : undefined }) };
    await deps.store.commit({ expect: [[key, rev]], put: [toProjectPut(next)] });
  }
}

/**
 * Creates `project_completed` when a project's last open item is done or cancelled, and again after new items were
 * added and closed. Counts the stored items; sends no request to Plane.
 */
export async function checkProjectCompletion(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  await updateValue<KeptProject>(deps, observedKeys.project(id), async (kept, rev) => {
    if (!kept?.baseline) return undefined;
    const [open, total] = await Promise.all([
      deps.store.count(observedSets.open(id)),
      deps.store.count(observedSets.items(id)),
    ]);
    const completed = open === 0 && total > 0;
    if (completed === kept.completed) return undefined;
    const events: ProjectEvent[] = completed ? [{ kind: "project_completed" }] : [];
    const { completedAtBaseline: _, ...rest } = kept;
    return prepareProjectUpdate(deps, { ...rest, completed }, rev, events, correlation);
  });
}

/**
 * Prepares the writes after which `checkProjectCompletion` reports a completion that the baseline found: its last item
 * was closed after the baseline had begun. Undefined when there is none to report.
 */
export async function prepareUnreportedCompletion(
  deps: Pick<ObserveDeps, "store">,
  id: string,
): Promise<Pick<Required<ValueUpdate>, "expect" | "put"> | undefined> {
  const key = observedKeys.project(id);
  const [kept] = await deps.store.read<KeptProject>([key]);
  if (!kept?.value.completedAtBaseline) return undefined;
  const { completedAtBaseline: _, ...rest } = kept.value;
  return { expect: [[key, kept.rev]], put: [toProjectPut({ ...rest, completed: false })] };
}
