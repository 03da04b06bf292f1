/** Steps that add the members of the first project, and bring agents back into every project that Groundcrew created. */

import { z } from "zod";
import { projectMembershipsApi } from "../../../shared/plane/app/session.ts";
import type { Endpoint, PlaneCallOptions } from "../../../shared/plane/endpoint.ts";
import { GROUNDCREW_SOURCE } from "../../../shared/plane/endpoint.ts";
import { PlaneAuthError } from "../../../shared/plane/errors.ts";
import { projectMembersApi } from "../../../shared/plane/projects.ts";
import {
  describeMissingMembership,
  listProjectEmails,
  selectProjectPeople,
} from "../../../shared/tasks/project-people.ts";
import type { ProvisionContext } from "../context.ts";
import { change, create, createStep, type ProvisionStep, type StepChange } from "../step.ts";
import { findOwnClient, readWorkspacePeople, requireFound, sendChange } from "./plane-state.ts";
import { createProjectStep, type FirstProject, readProjectList } from "./project.ts";

/** An account that a project needs as a member, with its role in the workspace. */
interface MemberSpec {
  email: string;
  name: string;
  role: number;
  /** No setting names the person, so a membership that people have ended is left ended. */
  isUnnamed?: boolean;
}

/** A project that exists, as people name it. */
interface NamedProject extends FirstProject {
  name: string;
  identifier: string;
}

interface MemberOptions {
  /** Whether this is a run, in which earlier steps have created all accounts, and not a plan. */
  apply: boolean;
  ownEmail: string;
}

/**
 * Adds all provisioned accounts and the people who belong to projects to the first project, with the role that they
 * have in the workspace. `ownEmail` is the address of Groundcrew's own account.
 */
export function createProjectMembersStep(accounts: readonly MemberSpec[], ownEmail: string): ProvisionStep {
  return createProjectStep("project members", [], async (context, project, apply) => {
    const { settings } = context;
    const { project: found } = await readProjectList(context);
    const { identifier } = found ?? (settings.project || { identifier: "" });
    const { members } = await readWorkspacePeople(context);
    const emails = accounts.map(({ email }) => email.toLowerCase());
    const people = selectProjectPeople(members, settings, identifier)
      .filter(({ email }) => !emails.includes(email))
      .map(({ email, displayName, role }) => ({ email, name: displayName, role, isUnnamed: !settings.people }));
    const named = project && found && { ...found, ...project };
    const changes = await planMembers(context, named, [...accounts, ...people], { apply, ownEmail });
    const missing = listProjectEmails(settings.people ?? [], identifier).map((email) => ({ email, name: email }));
    // In a plan the accounts may not exist yet; in a run their steps report why they are absent.
    const absent = [...accounts, ...missing]
      .filter(({ email }) => apply && !members.some((member) => member.email === email.toLowerCase()))
      .map(({ name }) => name);
    return [...changes, absent.length > 0 ? `not in the workspace: ${[...new Set(absent)].join(", ")}` : undefined];
  });
}

/** Brings agents back into the other projects that Groundcrew created, of which all agents are members. */
export function createAgentProjectsStep(agents: readonly MemberSpec[], ownEmail: string): ProvisionStep {
  return createStep("agents' projects", ["groundcrew's API key"], async (context, apply) => {
    const { all, project: first } = await readProjectList(context);
    const client = await findOwnClient(context);
    const changes: StepChange[] = [];
    for (const project of all) {
      const isOther = project.external_source === GROUNDCREW_SOURCE && project.id !== first?.id;
      if (!client || !isOther || project.archived_at !== null) continue;
      const named = { ...project, client, params: { project: project.id } };
      changes.push(...(await planMembers(context, named, agents, { apply, ownEmail })));
    }
    return changes;
  });
}

/** Plans the memberships that a project lacks; of accounts that are not in the workspace, none in a run. */
async function planMembers(
  context: ProvisionContext,
  project: NamedProject | undefined,
  specs: readonly MemberSpec[],
  { apply, ownEmail }: MemberOptions,
): Promise<StepChange[]> {
  if (!project) return specs.map(({ name }) => create(name, async () => requireFound(project, "The project")));
  const { members } = await readWorkspacePeople(context);
  const active = await readActiveIds(context, project, ownEmail);
  const listed = await readListedIds(project, active !== undefined);
  return specs.flatMap((spec) => {
    const id = members.find(({ email }) => email === spec.email.toLowerCase())?.id;
    if (id === undefined && apply) return [];
    const wasMember = id !== undefined && (listed?.has(id) ?? true);
    const isMember = active ? id !== undefined && active.has(id) : wasMember;
    if (isMember || (wasMember && spec.isUnnamed)) return [];
    const detail = `${spec.name} ${describeMissingMembership(project)}`;
    const json = { member: id, role: spec.role };
    const { client, params } = project;
    if (!wasMember) return [create(detail, () => sendChange(client, projectMembersApi.add, { params, json }))];
    const restored = { params, json: { members: [{ member_id: id, role: spec.role }] } };
    const endpoint = { ...projectMembershipsApi.add, answer: z.unknown() };
    return [change(detail, () => callAsMember(context, ownEmail, endpoint, restored))];
  });
}

/** The ids of those who have access; undefined when none of the accounts to sign in as is a member. */
async function readActiveIds(context: ProvisionContext, { params }: FirstProject, ownEmail: string) {
  const listed = await callAsMember(context, ownEmail, projectMembershipsApi.list, { params }).catch(ignoreRefusal);
  return listed && new Set(listed.data.map(({ member }) => member));
}

/**
 * The ids of those who are or were members, as an API key lists them; undefined when Groundcrew's own account is no
 * member any more and `isOptional`.
 */
async function readListedIds({ client, params }: FirstProject, isOptional: boolean) {
  const listing = client.call(projectMembersApi.list, { params });
  const listed = await (isOptional ? listing.catch(ignoreRefusal) : listing);
  return listed && new Set(listed.data.map(({ id }) => id));
}

/** Calls as the administrator or, when Plane refuses that, as Groundcrew's own account, which created the project. */
async function callAsMember<A>(
  { sessions, settings }: ProvisionContext,
  ownEmail: string,
  endpoint: Endpoint<A>,
  options: Pick<PlaneCallOptions, "params" | "json">,
) {
  const params = { ...options.params, workspace: settings.plane.workspace };
  const admin = await sessions.signIn(settings.admin.email);
  try {
    return await admin.call(endpoint, { ...options, params });
  } catch (thrown) {
    if (!isPermissionError(thrown) || sessions.getPassword(ownEmail) === undefined) throw thrown;
  }
  return (await sessions.signIn(ownEmail)).call(endpoint, { ...options, params });
}

function isPermissionError(thrown: unknown): boolean {
  return thrown instanceof PlaneAuthError && thrown.reason === "permission";
}

function ignoreRefusal(thrown: unknown): undefined {
  if (!isPermissionError(thrown)) throw thrown;
}
