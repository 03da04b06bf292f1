import type { Deps } from "../deps.ts";
import { labels as labelCalls, states as stateCalls } from "../plane/states-labels.ts";
import { members as memberCalls } from "../plane/users-members.ts";
import type { NamedState } from "../task/words.ts";

/** Names of what snapshots hold ids of. Cached, learned from what passes the door, asked of Plane when unknown. */

export interface Person {
  name: string;
  email?: string;
}

/** A Plane user as webhooks, members and expanded assignees tell one. */
export function personOf(user: { display_name: string; email: string | null }): Person {
  return { name: user.display_name, ...(user.email && { email: user.email }) };
}

type NamesDeps = Pick<Deps, "cache" | "plane" | "clock">;

/** A list is asked for again at the earliest so much later: an id Plane does not tell must not cost a request each time. */
const ASK_AGAIN_MS = 600_000;

export async function learnPerson(deps: Pick<Deps, "cache">, id: string, person: Person): Promise<void> {
  await deps.cache.setItem(`person:${id}`, { ...person });
  if (person.email) await deps.cache.setItem(`email:${person.email.toLowerCase()}`, { id });
}

export async function learnLabel(deps: Pick<Deps, "cache">, id: string, name: string): Promise<void> {
  await deps.cache.setItem(`label:${id}`, { name });
}

export async function learnState(deps: Pick<Deps, "cache">, id: string, state: NamedState): Promise<void> {
  await deps.cache.setItem(`state:${id}`, { name: state.name, group: state.group });
}

/** The person with this Plane id; undefined when Plane does not list them among the workspace's members. */
export async function person(deps: NamesDeps, id: string): Promise<Person | undefined> {
  return lookUp<Person>(deps, `person:${id}`, "members", () => askMembers(deps));
}

async function askMembers(deps: NamesDeps): Promise<void> {
  const { data } = await deps.plane.call(memberCalls.list);
  for (const member of data) await learnPerson(deps, member.id, personOf(member));
}

/** Plane's id of the person with this e-mail address; undefined when they are not a member of the workspace. */
export async function personByEmail(deps: NamesDeps, email: string): Promise<string | undefined> {
  const found = await lookUp<{ id: string }>(deps, `email:${email.toLowerCase()}`, "members", () => askMembers(deps));
  return found?.id;
}

export async function labelName(deps: NamesDeps, project: string, id: string): Promise<string | undefined> {
  const found = await lookUp<{ name: string }>(deps, `label:${id}`, `labels:${project}`, async () => {
    for await (const { data } of deps.plane.pages(labelCalls.list, { params: { project } })) {
      for (const label of data.results) await learnLabel(deps, label.id, label.name);
    }
  });
  return found?.name;
}

export async function stateNamed(deps: NamesDeps, project: string, id: string): Promise<NamedState | undefined> {
  return lookUp<NamedState>(deps, `state:${id}`, `states:${project}`, async () => {
    for await (const { data } of deps.plane.pages(stateCalls.list, { params: { project } })) {
      for (const state of data.results) await learnState(deps, state.id, state);
    }
  });
}

async function lookUp<T extends object>(
  deps: NamesDeps,
  key: string,
  list: string,
  ask: () => Promise<void>,
): Promise<T | undefined> {
  const known = await deps.cache.getItem<T>(key);
  if (known) return known;
  const asked = await deps.cache.getItem<{ at: number }>(`asked:${list}`);
  if (asked && deps.clock() - asked.at < ASK_AGAIN_MS) return undefined;
  await ask();
  await deps.cache.setItem(`asked:${list}`, { at: deps.clock() });
  return (await deps.cache.getItem<T>(key)) ?? undefined;
}
