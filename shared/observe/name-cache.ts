import type { Deps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { labelsApi as labelCalls, statesApi as stateCalls } from "../plane/states-labels.ts";
import { membersApi as memberCalls } from "../plane/users-members.ts";
import type { NamedState } from "../task/status.ts";
import { MINUTE } from "../time.ts";

/**
 * Names for the ids in snapshots: people, labels, states. They are cached from every observed item and read from Plane
 * when they are unknown.
 */

export interface PlanePerson {
  name: string;
  email?: string;
}

/** Converts a Plane user from a webhook, the member list or an expanded assignee. */
export function toPlanePerson(user: { display_name: string; email: string | null }): PlanePerson {
  return { name: user.display_name, ...omitUndefined({ email: user.email || undefined }) };
}

type NameCacheDeps = Pick<Deps, "cache" | "plane" | "clock">;

/**
 * Interval between reads of a list: at least 10 minutes, so that an id Plane does not list costs no request each time.
 */
const REFETCH_AFTER_MS = 10 * MINUTE;

export async function cachePerson(deps: Pick<Deps, "cache">, id: string, person: PlanePerson): Promise<void> {
  await deps.cache.setItem(`person:${id}`, { ...person });
  if (person.email) await deps.cache.setItem(`email:${person.email.toLowerCase()}`, { id });
}

export async function cacheLabelName(deps: Pick<Deps, "cache">, id: string, name: string): Promise<void> {
  await deps.cache.setItem(`label:${id}`, { name });
}

export async function cacheState(deps: Pick<Deps, "cache">, id: string, state: NamedState): Promise<void> {
  await deps.cache.setItem(`state:${id}`, { name: state.name, group: state.group });
}

/** Finds a person by Plane id; undefined when Plane does not list them as a member of the workspace. */
export async function findPlanePerson(deps: NameCacheDeps, id: string): Promise<PlanePerson | undefined> {
  return findCached<PlanePerson>(deps, `person:${id}`, "members", () => cacheMembers(deps));
}

async function cacheMembers(deps: NameCacheDeps): Promise<void> {
  const { data } = await deps.plane.call(memberCalls.list);
  for (const member of data) await cachePerson(deps, member.id, toPlanePerson(member));
}

/** Finds the Plane id of the person with this e-mail address; undefined when they are not a member of the workspace. */
export async function findPersonIdByEmail(deps: NameCacheDeps, email: string): Promise<string | undefined> {
  const found = await findCached<{ id: string }>(deps, `email:${email.toLowerCase()}`, "members", () =>
    cacheMembers(deps),
  );
  return found?.id;
}

export async function findLabelName(deps: NameCacheDeps, project: string, id: string): Promise<string | undefined> {
  const found = await findCached<{ name: string }>(deps, `label:${id}`, `labels:${project}`, async () => {
    for await (const { data } of deps.plane.pages(labelCalls.list, { params: { project } })) {
      for (const label of data.results) await cacheLabelName(deps, label.id, label.name);
    }
  });
  return found?.name;
}

export async function findNamedState(
  deps: NameCacheDeps,
  project: string,
  id: string,
): Promise<NamedState | undefined> {
  return findCached<NamedState>(deps, `state:${id}`, `states:${project}`, async () => {
    for await (const { data } of deps.plane.pages(stateCalls.list, { params: { project } })) {
      for (const state of data.results) await cacheState(deps, state.id, state);
    }
  });
}

async function findCached<T extends object>(
  deps: NameCacheDeps,
  key: string,
  list: string,
  fetchList: () => Promise<void>,
): Promise<T | undefined> {
  const cached = await deps.cache.getItem<T>(key);
  if (cached) return cached;
  const lastFetch = await deps.cache.getItem<{ at: number }>(`asked:${list}`);
  if (lastFetch && deps.clock() - lastFetch.at < REFETCH_AFTER_MS) return undefined;
  await fetchList();
  await deps.cache.setItem(`asked:${list}`, { at: deps.clock() });
  return (await deps.cache.getItem<T>(key)) ?? undefined;
}
