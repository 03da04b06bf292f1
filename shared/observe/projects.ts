import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { type Project, projects as projectCalls } from "../plane/projects.ts";
import type { Put } from "../store/port.ts";
import { all } from "../store/walk.ts";
import type { ProjectEvent } from "../task/events.ts";
import { decide } from "./act.ts";
import { projectFacts } from "./facts.ts";
import type { ObserveDeps } from "./item.ts";
import type { KeptProject, KeptProjectsRead, KeptWorkspace } from "./kept.ts";
import { keys, sets } from "./keys.ts";

/** One reading of all projects: Plane's own time and those we follow, with what is kept of each. */
export interface ProjectsRead {
  /** Plane's `Date`, as `YYYY-MM-DDTHH:MM:SS.000000Z`. */
  date: string;
  projects: KeptProject[];
}

/** A project that shows itself so much later than it was created was hidden from our key: it is not new. */
const HIDDEN_MS = 600_000;

/**
 * Reads the projects (they come first, rule 5) and takes them over: new ones, archived ones, renamed ones and those
 * that are gone. The first reading of a workspace is its baseline and silent, and so is what was created before the
 * reading before this one and shows itself only now: we were let into it, or it was added to the settings.
 */
export async function readProjects(deps: ObserveDeps, correlation: string): Promise<ProjectsRead> {
  const at = await deps.store.now();
  const listed: Project[] = [];
  let date = "";
  for await (const answer of deps.plane.pages(projectCalls.list, {})) {
    if (date === "") date = planeDate(answer.date);
    listed.push(...answer.data.results);
  }
  const { isFirst, began } = await readWorkspace(deps, listed[0]?.workspace ?? "", date);
  const [last] = await deps.store.read<KeptProjectsRead>([keys.projectsRead]);
  const shown = last && !isFirst ? shifted(last.value.date, -HIDDEN_MS) : began;
  const followed = listed.filter((project) => isFollowed(deps, project.identifier));
  const projects: KeptProject[] = [];
  for (const project of followed) {
    const isNew = !isFirst && project.created_at >= began && project.created_at >= shown;
    const since = isNew ? project.created_at : isFirst ? date : "";
    projects.push(await observeProject(deps, project, { isNew, since }, correlation));
  }
  await markMissing(deps, new Set(followed.map((project) => project.id)));
  await deps.store.commit({ put: [{ key: keys.projectsRead, value: { at, date } satisfies KeptProjectsRead }] });
  return { date, projects };
}

/** Whether this is the first look at the workspace `id` ("" when Plane lists no project), and since when we look. */
async function readWorkspace(
  deps: ObserveDeps,
  id: string,
  date: string,
): Promise<{ isFirst: boolean; began: string }> {
  const [kept] = await deps.store.read<KeptWorkspace>([keys.workspace]);
  const same = kept !== undefined && (id === "" || kept.value.id === "" || kept.value.id === id);
  const value: KeptWorkspace = { id: id || (kept?.value.id ?? ""), began: same ? kept.value.began : date };
  if (!same || value.id !== kept.value.id)
    await deps.store.commit({ expect: [[keys.workspace, kept?.rev ?? 0]], put: [{ key: keys.workspace, value }] });
  return { isFirst: !same, began: value.began };
}

/**
 * Whether Plane still lists this project's items to us. Asked before what is absent is taken for removed: when the
 * project was archived or deleted since it was last read, its items are silent (rule 5).
 */
export async function stillListed(deps: ObserveDeps, id: string): Promise<boolean> {
  try {
    const { data } = await deps.plane.call(projectCalls.get, { params: { project: id } });
    return data.archived_at === null && data.is_member;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return false;
    throw thrown;
  }
}

/** Plane's `Date` header in the form of Plane's other times, so that they compare. */
export function planeDate(date: string): string {
  return `${date.slice(0, 19)}.000000Z`;
}

function isFollowed(deps: Pick<ObserveDeps, "settings">, identifier: string): boolean {
  const wanted = deps.settings.plane?.projects ?? [];
  return wanted.length === 0 || wanted.some((other) => other.toUpperCase() === identifier.toUpperCase());
}

/** Of a project created since we began, everything is new; `since` "" is set by its first pass. */
interface Unseen {
  isNew: boolean;
  since: string;
}

async function observeProject(
  deps: ObserveDeps,
  read: Project,
  unseen: Unseen,
  correlation: string,
): Promise<KeptProject> {
  const key = keys.project(read.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptProject>([key]);
    const {
      gone: _gone,
      missing: _missing,
      ...rest
    } = kept?.value ?? {
      completed: false,
      began: unseen.since,
      baseline: false,
      cursor: "",
      window: 0,
    };
    const next: KeptProject = {
      ...rest,
      id: read.id,
      identifier: read.identifier,
      name: read.name,
      createdAt: read.created_at,
      archived: read.archived_at !== null,
      member: read.is_member,
      cycles: read.cycle_view,
    };
    if (!next.baseline && !isReadable(next)) next.began = "";
    if (kept && JSON.stringify(kept.value) === JSON.stringify(next)) return next;
    const events: ProjectEvent[] = !kept && unseen.isNew ? [{ kind: "project_created" }] : [];
    if ((await keepProject(deps, next, kept?.rev ?? 0, events, correlation)) === "kept") return next;
  }
}

/** Whether Plane lists this project's items to us; an archived one answers 200 and none (rule 5). */
export function isReadable(project: KeptProject): boolean {
  return project.member && !project.archived && !project.gone;
}

/** Keeps a project with what its events call for, in one commit. */
export async function keepProject(
  deps: ObserveDeps,
  project: KeptProject,
  rev: number,
  events: ProjectEvent[],
  correlation: string,
): Promise<"kept" | "stale"> {
  const key = keys.project(project.id);
  const decision = await decide(deps, {
    key,
    rev,
    events,
    correlation,
    via: "read",
    facts: async () => projectFacts(deps, project, project.createdAt),
  });
  const put = [projectPut(project), ...decision.put];
  if ((await deps.store.commit({ expect: [[key, rev]], put, jobs: decision.jobs })) !== "kept") return "stale";
  decision.tell();
  return "kept";
}

/**
 * From when on what a first reading finds is new. In the second in which we began nobody can say which was first:
 * it was there before us; but before a project's own creation nothing was.
 */
export function newSince(project: KeptProject): string {
  return isNewProject(project) ? project.began : shifted(project.began, 1000);
}

/** Created since we began: everything in it is news. */
export function isNewProject(project: KeptProject): boolean {
  return project.began === project.createdAt;
}

/** Plane's time, so many milliseconds later; microseconds are kept. */
export function shifted(time: string, ms: number): string {
  const micros = time.slice(23, 26);
  return `${new Date(Date.parse(`${time.slice(0, 23)}Z`) + ms).toISOString().slice(0, 23)}${micros}Z`;
}

/** The projects that are followed and can be read. */
export async function readableProjects(deps: Pick<ObserveDeps, "store">): Promise<KeptProject[]> {
  return (await all<KeptProject>(deps, sets.projects)).map(({ value }) => value).filter(isReadable);
}

export function projectPut(project: KeptProject): Put {
  return { key: keys.project(project.id), value: project, sets: project.gone ? [] : [sets.projects] };
}

/** Projects Plane lists no more: gone after two readings, silent with all their items. */
async function markMissing(deps: ObserveDeps, listed: Set<string>): Promise<void> {
  for (const { key, value, rev } of await all<KeptProject>(deps, sets.projects)) {
    if (listed.has(value.id)) continue;
    const next: KeptProject = { ...value, missing: true, ...(value.missing && { gone: true }) };
    await deps.store.commit({ expect: [[key, rev]], put: [projectPut(next)] });
  }
}

/**
 * Whether a project's work is all done: told once when the last open item is done or cancelled, and again after
 * new work came and was done. Counted in the store; no request to Plane.
 */
export async function checkProject(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptProject>([keys.project(id)]);
    if (!kept?.value.baseline) return;
    const [open, total] = await Promise.all([deps.store.count(sets.open(id)), deps.store.count(sets.items(id))]);
    const completed = open === 0 && total > 0;
    if (completed === kept.value.completed) return;
    const events: ProjectEvent[] = completed ? [{ kind: "project_completed" }] : [];
    if ((await keepProject(deps, { ...kept.value, completed }, kept.rev, events, correlation)) === "kept") return;
  }
}
