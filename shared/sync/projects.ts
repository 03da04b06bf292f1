/**
 * The workspace: its list of projects with new, archived, renamed or missing ones, the completion of a project with the
 * figures that are reported, and who is in the workspace and its projects (shared/people/directory.ts).
 */

import { roundAmount } from "../accounting/spending.ts";
import { readTaskFigures } from "../accounting/time-entries.ts";
import type { Deps, SyncDeps } from "../app/deps.ts";
import { getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type MembersRecord, type ProjectMembers, personSessionSet } from "../people/directory.ts";
import { readList, shiftPlaneTime } from "../plane/endpoint.ts";
import { PlaneError } from "../plane/errors.ts";
import { membersApi, type PlaneProject, projectMembersApi, projectsApi } from "../plane/projects.ts";
import {
  hasOnlyClosedItems,
  isReadableProject,
  listReadableProjects,
  type ProjectRecord,
  type ProjectsReadRecord,
  toProjectPut,
  type WorkspaceRecord,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import { readAllRows, scanPages, updateValue, type ValueUpdate } from "../store/records.ts";
import { createFormatPut, STORE_FORMAT_KEY } from "../store/store-format.ts";
import type { ProjectEvent } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { MINUTE, type Ms } from "../time.ts";
import { prepareChange, toProjectFacts } from "./event-facts.ts";
import { confirmMissingProject } from "./missing-items.ts";
import { cacheMembers } from "./names.ts";

type ReadPeopleDeps = Pick<SyncDeps, "store" | "settings" | "plane" | "cache" | "clock" | "log">;

/**
 * Delay after which an unknown project is not new: one that appears 10 minutes after its creation was hidden from our
 * key.
 */
const HIDDEN_AFTER_MS = 10 * MINUTE;

/**
 * Reads all projects, before any items (observation rule 5), and stores which are new, archived, renamed or missing.
 * The first read of a workspace is its baseline and causes no events. Neither does a project that was created before
 * the previous read and appears only now: the key was given access, or the settings were changed. Returns the followed
 * projects in their stored form, and Plane's `Date`.
 */
export async function readProjects(
  deps: SyncDeps,
  correlation: string,
): Promise<{ date: string; projects: ProjectRecord[] }> {
  const startedAt = await deps.store.now();
  const { rows, date } = await readList(deps.plane, projectsApi.list);
  const { isFirst, isOther, began } = await observeWorkspace(deps, rows[0]?.workspace ?? "", date);
  const listed = isOther ? [] : rows;
  const [last] = await deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]);
  const visibleSince = last && !isFirst ? shiftPlaneTime(last.value.date, -HIDDEN_AFTER_MS) : began;
  const followed = listed.filter((project) => isFollowed(deps, project.identifier));
  const projects: ProjectRecord[] = [];
  for (const project of followed) {
    const isNew = !isFirst && project.created_at >= began && project.created_at >= visibleSince;
    const since = isNew ? project.created_at : isFirst ? date : "";
    projects.push(await observeProject(deps, project, { isNew, since }, correlation));
  }
  const toIds = (projectRows: readonly PlaneProject[]) => new Set(projectRows.map(({ id }) => id));
  await markMissingProjects(deps, { followed: toIds(followed), listed: toIds(listed), isFirst }, correlation);
  await deps.store.commit({
    put: [{ key: observedKeys.projectsRead, value: { at: startedAt, date } satisfies ProjectsReadRecord }],
  });
  return { date, projects };
}

/**
 * Returns whether this is the first read of the workspace `id` ("" when Plane lists no project), and when observation
 * began. Another workspace under the same address (`isOther`) is believed only when Plane denies every known project.
 */
async function observeWorkspace(deps: SyncDeps, id: string, date: string) {
  const { workspace, url } = deps.settings.plane ?? { workspace: "", url: "" };
  const address = `${workspace}@${url}`;
  const [[stored], [format]] = await Promise.all([
    deps.store.read<WorkspaceRecord>([observedKeys.workspace]),
    deps.store.read([STORE_FORMAT_KEY]),
  ]);
  const isSame = stored !== undefined && (id === "" || stored.value.id === "" || stored.value.id === id);
  const isOther = stored?.value.address === address && !isSame && (await deps.store.count(observedSets.projects)) > 0;
  if (isOther) return { isFirst: false, isOther, began: stored.value.began };
  const began = isSame ? stored.value.began : date;
  const value: WorkspaceRecord = { id: id || (stored?.value.id ?? ""), began, address };
  if (!isSame || value.id !== stored.value.id || stored.value.address !== address)
    await deps.store.commit({
      expect: [
        [observedKeys.workspace, stored?.rev ?? 0],
        [STORE_FORMAT_KEY, format?.rev ?? 0],
      ],
      // A store that was emptied has no format, and another id from now on.
      put: [{ key: observedKeys.workspace, value }, ...(format ? [] : [createFormatPut()])],
    });
  return { isFirst: !isSame, isOther, began: value.began };
}

function isFollowed(deps: Pick<SyncDeps, "settings">, identifier: string): boolean {
  const wanted = deps.settings.plane?.projects ?? [];
  return wanted.length === 0 || wanted.includes(identifier.toUpperCase());
}

/**
 * Stores a project that Plane lists. How an unknown one is stored: `isNew` causes an event, `since` is Plane's time
 * since which its items are new; "" is set by its first pass.
 */
async function observeProject(
  deps: SyncDeps,
  project: PlaneProject,
  { isNew, since }: { isNew: boolean; since: string },
  correlation: string,
): Promise<ProjectRecord> {
  const key = observedKeys.project(project.id);
  return updateValue<ProjectRecord, ProjectRecord>(deps, key, async (stored, rev) => {
    const unknown = { completed: false, began: since, baseline: false, cursor: "", window: 0 };
    const known: Partial<ProjectRecord> & typeof unknown = stored ?? unknown;
    const { removed: _removed, deleted: _deleted, doubt, ...rest } = known;
    const { id, identifier, name, created_at: createdAt, is_member: member, cycle_view: cycles } = project;
    const archived = project.archived_at !== null;
    const listed = { id, identifier, name, createdAt, archived, member, memberCount: project.total_members, cycles };
    const next: ProjectRecord = { ...rest, ...listed };
    if (doubt && doubt.reason !== "missing" && isReadableProject(next)) next.doubt = doubt;
    if (!next.baseline && !isReadableProject(next)) next.began = "";
    if (stored && JSON.stringify(stored) === JSON.stringify(next)) return { result: next };
    const events: ProjectEvent[] = !stored && isNew ? [{ kind: "project_created" }] : [];
    return { ...(await prepareProjectUpdate(deps, next, rev, events, correlation)), result: next };
  });
}

/**
 * Marks projects that are no longer followed: at once when people no longer follow them or another workspace is read,
 * and when Plane does not list them, once it denies them (see `confirmMissingProject`). That causes one event for the
 * project and none for its items.
 */
async function markMissingProjects(
  deps: SyncDeps,
  { followed, listed, isFirst }: { followed: ReadonlySet<string>; listed: ReadonlySet<string>; isFirst: boolean },
  correlation: string,
): Promise<void> {
  for (const { key, value, rev } of await readAllRows<ProjectRecord>(deps, observedSets.projects)) {
    if (followed.has(value.id)) continue;
    const { doubt: _, ...rest } = value;
    const isChosen = isFirst || listed.has(value.id);
    const check = isChosen ? undefined : await confirmMissingProject(deps, value);
    if (check && !check.isGone && JSON.stringify(check.doubt) === JSON.stringify(value.doubt)) continue;
    const next: ProjectRecord = check
      ? { ...rest, ...(check.isGone ? { removed: true, deleted: true } : { doubt: check.doubt }) }
      : { ...rest, removed: true };
    const events: ProjectEvent[] = next.deleted && value.member && value.baseline ? [{ kind: "project_deleted" }] : [];
    await updateValue<ProjectRecord>(deps, key, (_stored, current) =>
      current === rev ? prepareProjectUpdate(deps, next, rev, events, correlation) : undefined,
    );
  }
}

/** Prepares one commit of a project's next state and the jobs for its events. */
export async function prepareProjectUpdate(
  deps: SyncDeps,
  project: ProjectRecord,
  rev: number,
  events: ProjectEvent[],
  correlation: string,
): Promise<ValueUpdate> {
  return prepareChange(deps, {
    key: observedKeys.project(project.id),
    rev,
    events,
    correlation,
    via: "read",
    put: [toProjectPut(project)],
    facts: async ({ kind }) => ({
      ...toProjectFacts(deps, project, project.createdAt),
      ...(kind === "project_completed" ? { totals: await readProjectTotals(deps, project.id) } : {}),
    }),
  });
}

/**
 * Creates `project_completed` when a project's last open item is done or cancelled, and again after new items were
 * added and closed. Counts the stored items; sends no request to Plane.
 */
export async function checkProjectCompletion(deps: SyncDeps, id: string, correlation: string): Promise<void> {
  await updateValue<ProjectRecord>(deps, observedKeys.project(id), async (stored, rev) => {
    if (!stored?.baseline) return undefined;
    const completed = await hasOnlyClosedItems(deps, id);
    if (completed === stored.completed) return undefined;
    const events: ProjectEvent[] = completed ? [{ kind: "project_completed" }] : [];
    const { completedAtBaseline: _, ...rest } = stored;
    return prepareProjectUpdate(deps, { ...rest, completed }, rev, events, correlation);
  });
}

/** Counts the tasks of a completed project and sums up what they took. Makes no request to Plane. */
export async function readProjectTotals(
  deps: Pick<Deps, "store">,
  project: string,
): Promise<NonNullable<EventFacts["totals"]>> {
  let [done, cancelled, ms, cost] = [0, 0, 0, 0];
  for await (const rows of scanPages<ItemRecord>(deps, observedSets.items(project))) {
    const items = rows.map(({ value }) => value);
    done += items.filter(({ snapshot }) => snapshot.status === "done").length;
    cancelled += items.filter(({ snapshot }) => snapshot.status === "cancelled").length;
    for (const figures of await Promise.all(items.map(({ snapshot }) => readTaskFigures(deps, snapshot.id)))) {
      ms += figures.timeSpentMs ?? 0;
      cost += figures.cost ?? 0;
    }
  }
  const sums = { timeSpentMs: ms > 0 ? ms : undefined, cost: cost > 0 ? roundAmount(cost) : undefined };
  return { done, cancelled, ...omitUndefined(sums) };
}

/**
 * Prepares the writes after which `checkProjectCompletion` reports a completion that the baseline found: its last item
 * was closed after the baseline had begun. Undefined when there is none to report.
 */
export async function prepareUnreportedCompletion(
  deps: Pick<SyncDeps, "store">,
  id: string,
): Promise<Pick<Required<ValueUpdate>, "expect" | "put"> | undefined> {
  const key = observedKeys.project(id);
  const [stored] = await deps.store.read<ProjectRecord>([key]);
  if (!stored?.value.completedAtBaseline) return undefined;
  const { completedAtBaseline: _, ...rest } = stored.value;
  return { expect: [[key, stored.rev]], put: [toProjectPut({ ...rest, completed: false })] };
}

/**
 * Reads who came, left, was renamed or has another role, at a poll: one request more, and only where it matters soon,
 * because somebody is signed in, the settings name people, or nobody is known yet.
 */
export async function pollPeople(deps: ReadPeopleDeps): Promise<void> {
  const isDue = deps.settings.people || (await deps.store.count(personSessionSet)) > 0;
  if (isDue || !(await deps.store.read([observedKeys.members]))[0]) await refreshPeople(deps);
}

/**
 * Reads the workspace's members, and those of the projects whose number of members has changed; of every project with
 * `isComplete`, because one who came and one who left are the same number. What Plane does not answer stays as it is
 * stored.
 */
export async function refreshPeople(
  deps: ReadPeopleDeps,
  { isComplete = false }: { isComplete?: boolean } = {},
): Promise<void> {
  const at = await deps.store.now();
  const list = await readUnlessRefused(deps, "workspace", () => deps.plane.call(membersApi.list));
  if (!list) return;
  await cacheMembers(deps, list.data);
  const members = list.data.map(({ id, display_name: name, email, role }) => ({ id, name, email, role }));
  const [stored] = await deps.store.read<MembersRecord>([observedKeys.members]);
  const projects: MembersRecord["projects"] = {};
  for (const { id, identifier, memberCount: count = 0 } of await listReadableProjects(deps)) {
    const known = stored?.value.projects[id];
    if (known) projects[id] = known;
    if (known?.count === count && !isComplete) continue;
    const params = { project: id };
    const answer = await readUnlessRefused(deps, identifier, () => deps.plane.call(projectMembersApi.list, { params }));
    if (answer) projects[id] = describeMembers(known, { count, ids: answer.data.map((user) => user.id) }, at);
  }
  await updateValue<MembersRecord>(deps, observedKeys.members, (current) => {
    // A read that began later knows more.
    if (current && current.at > at) return undefined;
    const isSame = JSON.stringify([current?.members, current?.projects]) === JSON.stringify([members, projects]);
    const value = { ...current, at, members, projects } satisfies MembersRecord;
    return isSame ? undefined : { put: [{ key: observedKeys.members, value }] };
  });
}

/** Records that a person has proved to be in the workspace: they are not who left one of their projects before. */
export async function recordProof(deps: Pick<SyncDeps, "store">, id: string): Promise<void> {
  const now = await deps.store.now();
  await updateValue<MembersRecord>(deps, observedKeys.members, (current) => {
    const proved = { ...current?.proved, [id]: now };
    return current && { put: [{ key: observedKeys.members, value: { ...current, proved } satisfies MembersRecord }] };
  });
}

/** Compares the members of a project with those before: who left is counted no more, but may still be listed. */
function describeMembers(known: ProjectMembers | undefined, { count, ids }: ProjectMembers, at: Ms): ProjectMembers {
  if (!known) return { count, ids };
  const came = ids.filter((id) => !known.ids.includes(id)).length;
  const gone = known.ids.filter((id) => !ids.includes(id)).length;
  const hasHiddenLeave = count < known.count + came - gone;
  return { count, ids, ...omitUndefined({ leftAt: hasHiddenLeave ? at : known.leftAt }) };
}

async function readUnlessRefused<T>({ log }: ReadPeopleDeps, of: string, read: () => Promise<T>) {
  try {
    return await read();
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    log.debug("members not read", { of, error: getErrorMessage(thrown) });
    return undefined;
  }
}
