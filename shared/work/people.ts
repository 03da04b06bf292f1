import { GroundcrewError } from "../errors.ts";
import type { KeptProject } from "../observe/kept.ts";
import { learnPerson, personByEmail, personOf } from "../observe/names.ts";
import { PlaneAuthError } from "../plane/errors.ts";
import { members, projectMembers, users } from "../plane/users-members.ts";
import type { Acting } from "./acting.ts";

/** Somebody a task can be assigned to. */
export interface Assignee {
  /** Plane's id. */
  id: string;
  name: string;
  /** Set for an agent: its name in the settings. */
  agent?: string;
}

/** Plane's roles in a project. */
const MEMBER = 15;
export const ADMIN = 20;

/** Who is meant: an agent by its name, a person by e-mail address or display name. Throws `bad_request` with who there is. */
export async function assigneeCalled(acting: Acting, given: string): Promise<Assignee> {
  const wanted = given.trim().toLowerCase();
  const { agents } = acting.deps.settings;
  const agent = agents.find(({ name, email }) => name.toLowerCase() === wanted || email.toLowerCase() === wanted);
  if (agent) {
    const id = await personByEmail(acting.deps, agent.email);
    if (id !== undefined) return { id, name: agent.name, agent: agent.name };
    throw new GroundcrewError(
      "conflict",
      `The agent ${agent.name} has no account in Plane's workspace (${agent.email}): a person must invite it first.`,
    );
  }
  const { data } = await acting.main.call(members.list);
  const found = data.filter(
    ({ display_name, email }) => email?.toLowerCase() === wanted || display_name.toLowerCase() === wanted,
  );
  const [one] = found;
  if (one && found.length === 1) {
    await learnPerson(acting.deps, one.id, personOf(one));
    return { id: one.id, name: one.display_name };
  }
  const names = agents.map(({ name }) => name).join(", ");
  throw new GroundcrewError(
    "bad_request",
    found.length > 1
      ? `Several people are called "${given.slice(0, 60)}": give an e-mail address.`
      : `Nobody is called "${given.slice(0, 60)}". Agents: ${names}; people by e-mail address or display name.`,
  );
}

/** Groundcrew's own Plane user. */
export async function ourselves({ deps, main }: Acting): Promise<string> {
  const known = await deps.cache.getItem<{ id: string }>("ourselves");
  if (known) return known.id;
  const { data } = await main.call(users.me);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}

/**
 * Makes these users members of a project, where they are not: Plane assigns nobody else, and says nothing about it.
 * With Groundcrew's own key. Who was seen there is not looked for again, unless `anew`.
 */
export async function letIn(
  acting: Acting,
  project: Pick<KeptProject, "id" | "identifier">,
  ids: readonly string[],
  { anew = false, role = MEMBER, by = acting.main }: { anew?: boolean; role?: number; by?: Acting["main"] } = {},
): Promise<void> {
  const { deps } = acting;
  const key = `members-of:${project.id}`;
  const params = { project: project.id };
  let known = anew ? [] : ((await deps.cache.getItem<string[]>(key)) ?? []);
  if (ids.every((id) => known.includes(id))) return;
  try {
    const { data } = await by.call(projectMembers.list, { params });
    known = data.map(({ id }) => id);
    for (const member of ids) {
      if (known.includes(member)) continue;
      await by.call(projectMembers.add, { params, json: { member, role } });
      known.push(member);
    }
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError) || thrown.reason !== "permission") throw thrown;
    throw new GroundcrewError(
      "forbidden",
      `Groundcrew's Plane account may not add members to ${project.identifier}: a person must make it an admin of that project, or add them.`,
      { cause: thrown },
    );
  }
  await deps.cache.setItem(key, known);
}
