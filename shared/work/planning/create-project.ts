import { cleanText } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { createReadProjectsJob } from "../../jobs/observe-jobs.ts";
import { keepDefined } from "../../keep-defined.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { findPersonIdByEmail } from "../../observe/name-cache.ts";
import { readProjects } from "../../observe/read-projects.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { PlaneAuthError, PlaneConflictError } from "../../plane/errors.ts";
import { type PlaneProject, projectsApi } from "../../plane/projects.ts";
import { projectMembersApi } from "../../plane/users-members.ts";
import { ensureMembers, PROJECT_ADMIN_ROLE, readSystemUserId } from "../changes/assignees.ts";
import type { CallContext } from "../context/call-context.ts";
import { withLock } from "../context/with-lock.ts";
import { workKeys } from "../context/work-keys.ts";
import { cleanProjectName, findProjectNameProblem, suggestProjectIdentifier } from "./project-name.ts";
import { addMissingStates } from "./project-states.ts";

export interface NewProject {
  name: string;
  description?: string | undefined;
  /** At most 12 letters and digits, the `ONB` of `ONB-12`; derived from the name when absent. */
  identifier?: string | undefined;
}

/** Limit of attempts with another identifier: Plane may have projects that we do not see. */
const MAX_TRIES = 5;

/**
 * Creates a project as the caller: states (including Blocked), cycles and modules enabled, all agents and Groundcrew
 * itself as members; from then on it is polled. Repeating the call, also after an interruption, returns the same
 * project. Throws `bad_request` for a name that Plane does not accept, `conflict` for the name of another project.
 */
export async function createProject(context: CallContext, newProject: NewProject): Promise<KeptProject> {
  const name = cleanProjectName(newProject.name);
  const problem = findProjectNameProblem(name) ?? findIdentifierProblem(context, newProject.identifier);
  if (problem) throw new GroundcrewError("bad_request", problem, { refusal: { name: "invalidProject" } });
  return withLock(context, "project", name.toLowerCase(), async (renew) => {
    const { deps, systemPlane, correlation } = context;
    const nameHash = await hashProjectName(name);
    const project = await findOrCreateProject(context, { ...newProject, name }, nameHash);
    await renew();
    await setUpProject(context, project);
    await renew();
    const queuedAt = await deps.store.now();
    await readProjects({ ...deps, plane: systemPlane }, correlation);
    const [record] = await deps.store.read<KeptProject>([observedKeys.project(project.id)]);
    if (!record) throw new GroundcrewError("internal", `The project ${name} was created, but Plane does not list it.`);
    const cause = `made:${project.id}:${correlation}`;
    await deps.store.commit({
      put: [{ key: workKeys.making(nameHash), value: undefined }],
      jobs: [createReadProjectsJob({ correlation, cause }, queuedAt)],
    });
    deps.kick();
    return record.value;
  });
}

/** Whether the creation of a project with this name was interrupted; creating it again completes it. */
export async function isProjectIncomplete({ deps }: CallContext, name: string): Promise<boolean> {
  const [record] = await deps.store.read([workKeys.making(await hashProjectName(cleanProjectName(name)))]);
  return record !== undefined;
}

/** Why a project cannot have this identifier, for people; undefined when it can, or when one will be derived. */
export function findIdentifierProblem({ deps }: CallContext, identifier: string | undefined): string | undefined {
  const followed = deps.settings.plane?.projects ?? [];
  const isFollowed = followed.some((other) => other.toUpperCase() === identifier?.trim().toUpperCase());
  if (followed.length > 0 && !isFollowed)
    return `Groundcrew uses only the projects ${followed.join(", ")} (PLANE_PROJECTS). Give one of these as identifier, or let a person add the new one there first.`;
  if (identifier === undefined || /^[A-Z0-9]{1,12}$/i.test(identifier.trim())) return undefined;
  return `"${identifier.slice(0, 40)}" is not a valid identifier. Give 1 to 12 letters A to Z and digits, such as ONB.`;
}

async function findOrCreateProject(
  context: CallContext,
  newProject: NewProject & { name: string },
  nameHash: string,
): Promise<PlaneProject> {
  for (let tries = 1; ; tries += 1) {
    const listed = await listProjects(context);
    const existing = listed.find((project) => project.name === newProject.name);
    if (existing) return requireOwnProject(context, existing, nameHash);
    const taken = new Set(listed.map((project) => project.identifier));
    const identifier =
      newProject.identifier?.trim().toUpperCase() ?? suggestProjectIdentifier(newProject.name, taken, tries);
    try {
      return await postProject(context, newProject, identifier, nameHash);
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
      const canRetry = /identifier/.test(thrown.message) && newProject.identifier === undefined;
      const sameName = (await listProjects(context)).find((project) => project.name === newProject.name);
      if (sameName) return requireOwnProject(context, sameName, nameHash);
      if (canRetry && tries < MAX_TRIES) continue;
      const conflict = /identifier/.test(thrown.message) ? `identifier ${identifier}` : `name "${newProject.name}"`;
      throw new GroundcrewError("conflict", `Another project in Plane has the ${conflict}. Choose another one.`, {
        cause: thrown,
        refusal: { name: "takenProject" },
      });
    }
  }
}

async function postProject(
  { deps, plane }: CallContext,
  { name, description = "" }: NewProject,
  identifier: string,
  nameHash: string,
): Promise<PlaneProject> {
  await deps.store.commit({ put: [{ key: workKeys.making(nameHash), value: { name } }] });
  const features = { cycle_view: true, module_view: true };
  const externalReference = { external_source: GROUNDCREW_SOURCE, external_id: `project:${nameHash}` };
  const text = cleanText(description, Number.POSITIVE_INFINITY);
  const json = { name, identifier, description: text, ...features, ...externalReference };
  return (await plane.call(projectsApi.create, { json })).data;
}

/**
 * Adds what a new project lacks: members, features and states. Idempotent. The caller only makes Groundcrew an admin,
 * which does the rest, outside of the caller's pace.
 */
async function setUpProject(context: CallContext, project: PlaneProject): Promise<void> {
  const { deps, plane, systemPlane } = context;
  const params = { project: project.id };
  const isNewAdmin = await joinProject(context, project);
  // As a member from before, Groundcrew need not be an admin.
  const client = isNewAdmin ? systemPlane : plane;
  if (!project.cycle_view || !project.module_view)
    await client.call(projectsApi.update, { params, json: { cycle_view: true, module_view: true } });
  const agents = await Promise.all(
    deps.settings.agents.map(({ email }) => findPersonIdByEmail({ ...deps, plane: systemPlane }, email)),
  );
  await ensureMembers(context, project, keepDefined(agents));
  await addMissingStates(context, project.id);
}

/** Makes Groundcrew an admin of the project, as the caller; returns false when it is a member already. */
async function joinProject(context: CallContext, { id }: PlaneProject): Promise<boolean> {
  const member = await readSystemUserId(context);
  const params = { project: id };
  const members = await context.systemPlane.call(projectMembersApi.list, { params }).catch((thrown: unknown) => {
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return undefined;
    throw thrown;
  });
  if (members?.data.some((user) => user.id === member)) return false;
  await context.plane.call(projectMembersApi.add, { params, json: { member, role: PROJECT_ADMIN_ROLE } });
  return true;
}

async function requireOwnProject(
  { deps }: CallContext,
  project: PlaneProject,
  nameHash: string,
): Promise<PlaneProject> {
  const { name, identifier } = project;
  const isOwn = project.external_source === GROUNDCREW_SOURCE && project.external_id === `project:${nameHash}`;
  if (isOwn && project.archived_at === null) return project;
  // The name belongs to another project, so no interrupted creation may be recorded under it.
  if (!isOwn) await deps.store.commit({ put: [{ key: workKeys.making(nameHash), value: undefined }] });
  throw new GroundcrewError(
    "conflict",
    project.archived_at === null
      ? `The project "${name}" (${identifier}) exists and was not created by Groundcrew. Use it as it is, or choose another name.`
      : `The project "${name}" (${identifier}) is in Plane's archive. Choose another name, or let a person restore it.`,
    {
      refusal: { name: project.archived_at === null ? "foreignProject" : "archivedProject", values: { project: name } },
    },
  );
}

async function listProjects({ systemPlane }: CallContext): Promise<PlaneProject[]> {
  const listed: PlaneProject[] = [];
  for await (const { data } of systemPlane.pages(projectsApi.list, {})) listed.push(...data.results);
  return listed;
}

async function hashProjectName(name: string): Promise<string> {
  return (await sha256Hex(name)).slice(0, 32);
}
