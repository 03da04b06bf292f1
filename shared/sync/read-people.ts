/** Reads who is in Plane's workspace and in its projects, for the directory of people (shared/people/directory.ts). */

import type { SyncDeps } from "../app/deps.ts";
import { getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type MembersRecord, type ProjectMembers, personSessionSet } from "../people/directory.ts";
import { PlaneError } from "../plane/errors.ts";
import { membersApi, projectMembersApi } from "../plane/projects.ts";
import { listReadableProjects } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import { updateValue } from "../store/records.ts";
import type { Ms } from "../time.ts";
import { cacheMembers } from "./names.ts";

type ReadPeopleDeps = Pick<SyncDeps, "store" | "settings" | "plane" | "cache" | "clock" | "log">;

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
