import { GroundcrewError } from "../../errors.ts";
import { cachePerson, findPersonIdByEmail, toPlanePerson } from "../../observe/name-cache.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { PlaneAuthError } from "../../plane/errors.ts";
import { membersApi, projectMembersApi, usersApi } from "../../plane/users-members.ts";
import type { CallContext } from "../context/call-context.ts";

/** Somebody a task can be assigned to. */
export interface Assignee {
  /** Plane's id. */
  id: string;
  name: string;
  /** Set for an agent: its name in the settings. */
  agent?: string;
}

/** Plane's roles in a project. */
const PROJECT_MEMBER_ROLE = 15;
export const PROJECT_ADMIN_ROLE = 20;

/** Who is meant: an agent by its name, a person by e-mail address or display name. Throws `bad_request` with who there is. */
export async function getAssignee(context: CallContext, nameOrEmail: string): Promise<Assignee> {
  const wanted = nameOrEmail.trim().toLowerCase();
  const { agents } = context.deps.settings;
  const agent = agents.find(({ name, email }) => name.toLowerCase() === wanted || email.toLowerCase() === wanted);
  if (agent) {
    const id = await findPersonIdByEmail(context.deps, agent.email);
    if (id !== undefined) return { id, name: agent.name, agent: agent.name };
    throw new GroundcrewError(
      "conflict",
      `The agent ${agent.name} has no account in Plane's workspace (${agent.email}): a person must invite it first.`,
    );
  }
  const { data } = await context.systemPlane.call(membersApi.list);
  const matches = data.filter(
    ({ display_name, email }) => email?.toLowerCase() === wanted || display_name.toLowerCase() === wanted,
  );
  const [match] = matches;
  if (match && matches.length === 1) {
    await cachePerson(context.deps, match.id, toPlanePerson(match));
    return { id: match.id, name: match.display_name };
  }
  const names = agents.map(({ name }) => name).join(", ");
  throw new GroundcrewError(
    "bad_request",
    matches.length > 1
      ? `Several people are called "${nameOrEmail.slice(0, 60)}": give an e-mail address.`
      : `Nobody is called "${nameOrEmail.slice(0, 60)}". Agents: ${names}; people by e-mail address or display name.`,
  );
}

/** Groundcrew's own Plane user. */
export async function readSystemUserId({ deps, systemPlane }: CallContext): Promise<string> {
  const cached = await deps.cache.getItem<{ id: string }>("ourselves");
  if (cached) return cached.id;
  const { data } = await systemPlane.call(usersApi.me);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}

/**
 * Makes these users members of a project, where they are not: Plane assigns nobody else, and says nothing about it.
 * With Groundcrew's own key. Who was seen there is not looked for again, unless `anew`.
 */
export async function ensureMembers(
  context: CallContext,
  project: Pick<KeptProject, "id" | "identifier">,
  ids: readonly string[],
  {
    anew: refresh = false,
    role = PROJECT_MEMBER_ROLE,
    by: client = context.systemPlane,
  }: { anew?: boolean; role?: number; by?: CallContext["systemPlane"] } = {},
): Promise<void> {
  const { deps } = context;
  const key = `members-of:${project.id}`;
  const params = { project: project.id };
  let knownMembers = refresh ? [] : ((await deps.cache.getItem<string[]>(key)) ?? []);
  if (ids.every((id) => knownMembers.includes(id))) return;
  try {
    const { data } = await client.call(projectMembersApi.list, { params });
    knownMembers = data.map(({ id }) => id);
    for (const member of ids) {
      if (knownMembers.includes(member)) continue;
      await client.call(projectMembersApi.add, { params, json: { member, role } });
      knownMembers.push(member);
    }
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError) || thrown.reason !== "permission") throw thrown;
    throw new GroundcrewError(
      "forbidden",
      `Groundcrew's Plane account may not add members to ${project.identifier}: a person must make it an admin of that project, or add them.`,
      { cause: thrown },
    );
  }
  await deps.cache.setItem(key, knownMembers);
}
