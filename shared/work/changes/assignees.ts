import { GroundcrewError } from "../../errors.ts";
import { cachePerson, findPersonIdByEmail, toPlanePerson } from "../../observe/name-cache.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { PlaneAuthError } from "../../plane/errors.ts";
import { membersApi, projectMembersApi, usersApi } from "../../plane/users-members.ts";
import type { CallContext } from "../context/call-context.ts";

/** A user to whom a task can be assigned. */
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

/**
 * Resolves an assignee: an agent by its name or e-mail address, a person by e-mail address or display name. Throws
 * `bad_request` with the available names, `conflict` for an agent without an account in Plane.
 */
export async function getAssignee(context: CallContext, nameOrEmail: string): Promise<Assignee> {
  const wanted = nameOrEmail.trim().toLowerCase();
  const { agents } = context.deps.settings;
  const agent = agents.find(({ name, email }) => name.toLowerCase() === wanted || email.toLowerCase() === wanted);
  if (agent) {
    const id = await findPersonIdByEmail(context.deps, agent.email);
    if (id !== undefined) return { id, name: agent.name, agent: agent.name };
    throw new GroundcrewError(
      "conflict",
      `The agent ${agent.name} (${agent.email}) has no account in Plane's workspace. A person must invite it first.`,
      { refusal: { name: "noAccount", values: { agent: agent.name } } },
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
  const values = { name: nameOrEmail.slice(0, 60), agents: names };
  throw new GroundcrewError(
    "bad_request",
    matches.length > 1
      ? `Several people have the name "${nameOrEmail.slice(0, 60)}". Give an e-mail address.`
      : `There is no user "${nameOrEmail.slice(0, 60)}". Agents: ${names}. Name people by e-mail address or display name.`,
    { refusal: { name: matches.length > 1 ? "ambiguousPerson" : "unknownPerson", values } },
  );
}

/** The id of Groundcrew's own Plane user. */
export async function readSystemUserId({ deps, systemPlane }: CallContext): Promise<string> {
  const cached = await deps.cache.getItem<{ id: string }>("ourselves");
  if (cached) return cached.id;
  const { data } = await systemPlane.call(usersApi.me);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}

/**
 * Adds these users to a project where they are not members yet: Plane silently ignores assignees who are no members.
 * Uses Groundcrew's own key unless `client` is given. Known members are cached; `refresh` reads them again. Throws
 * `forbidden` when the key may not add members.
 */
export async function ensureMembers(
  context: CallContext,
  project: Pick<KeptProject, "id" | "identifier">,
  ids: readonly string[],
  {
    refresh = false,
    role = PROJECT_MEMBER_ROLE,
    client = context.systemPlane,
  }: { refresh?: boolean; role?: number; client?: CallContext["systemPlane"] } = {},
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
      `Groundcrew's Plane account may not add members to ${project.identifier}. A person must make it an admin of that project or add the members.`,
      { cause: thrown, refusal: { name: "noMemberRights", values: { project: project.identifier } } },
    );
  }
  await deps.cache.setItem(key, knownMembers);
}
