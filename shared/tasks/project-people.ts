/**
 * Which people belong to a project that Groundcrew created: those of the setting `people`, with the person whose wish
 * it is, or everybody who works in the workspace.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { readPeople, selectHumans } from "../people/directory.ts";
import { membersApi } from "../plane/projects.ts";
import type { ProjectRecord } from "../records/plane-records.ts";
import { ensureMembers, readSystemUserId } from "./assignees.ts";
import type { CallContext } from "./call-context.ts";

interface WorkspaceMember {
  email: string | null;
  role: number;
}

/** Plane's role of a member; guests, below it, belong to a project only when the setting `people` names them. */
const MEMBER_ROLE = 15;

/**
 * Selects the people of a workspace who belong to the project with this identifier. `wisher` is the Telegram user whose
 * wish the project is for.
 */
export function selectProjectPeople<M extends WorkspaceMember>(
  members: readonly M[],
  { agents, people }: { agents: readonly { email: string }[]; people?: Settings["people"] | undefined },
  identifier: string,
  wisher?: number,
): M[] {
  const humans = selectHumans(members, agents);
  if (!people) return humans.filter(({ role }) => role >= MEMBER_ROLE);
  const emails = listProjectEmails(people, identifier, wisher);
  return humans.filter(({ email }) => emails.includes(email?.toLowerCase() ?? ""));
}

/** How it is said, to people, that an account has no access to a project. */
export function describeMissingMembership({ name, identifier }: Pick<ProjectRecord, "name" | "identifier">): string {
  return `is not a member of ${name} (${identifier})`;
}

/** The addresses of the people whom the setting names for this project. */
export function listProjectEmails(
  people: NonNullable<Settings["people"]>,
  identifier: string,
  wisher?: number,
): string[] {
  return people
    .filter(({ telegram, projects }) => !projects || projects.includes(identifier) || isSameUser(telegram, wisher))
    .map(({ email }) => email);
}

function isSameUser(telegram: number | undefined, wisher: number | undefined): boolean {
  return telegram !== undefined && telegram === wisher;
}

/**
 * Adds the people who belong to a project, each with the role they have in the workspace: Plane shows the items of a
 * project to its members only. Those whom Plane lists already, also because they were removed, are left unchanged.
 */
export async function addProjectPeople(
  context: CallContext,
  project: Pick<ProjectRecord, "id" | "identifier">,
  wisher: number | undefined,
): Promise<void> {
  const { deps, systemPlane } = context;
  const { data: members } = await systemPlane.call(membersApi.list);
  const ownId = await readSystemUserId(deps, systemPlane);
  const people = selectProjectPeople(members, deps.settings, project.identifier, wisher).filter(
    ({ id }) => id !== ownId,
  );
  for (const role of new Set(people.map((person) => person.role))) {
    const ids = people.filter((person) => person.role === role).map(({ id }) => id);
    await ensureMembers(context, project, ids, { role });
  }
  const emails = new Set(members.map(({ email }) => email?.toLowerCase()));
  const absent = listProjectEmails(deps.settings.people ?? [], project.identifier, wisher).filter(
    (email) => !emails.has(email),
  );
  if (absent.length > 0)
    deps.log.warn("people are not in the workspace", { project: project.identifier, people: absent });
}

/**
 * Whether a comment's author is neither a member nor an admin among the people. Until Plane's list of them was read,
 * everyone is: that only limits how often comments wake.
 */
export async function isFromOutside(
  deps: Pick<TaskDeps, "store" | "settings">,
  author: string | null,
): Promise<boolean> {
  const people = await readPeople(deps);
  return !people.some(({ id, role }) => id === author && role !== undefined && role !== "guest");
}
