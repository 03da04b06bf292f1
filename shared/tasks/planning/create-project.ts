/**
 * Creates a project as the caller: its name and identifier, states (including Blocked), features and members: all
 * agents and the people whom the setting `people` names, with the person whose wish it is, or everybody who works in
 * the workspace. An interrupted creation is completed by the next one.
 */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import type { Settings } from "../../config/settings.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing.ts";
import { createObserveJob } from "../../jobs/internal-jobs.ts";
import { keepDefined } from "../../omit-undefined.ts";
import { selectHumans } from "../../people/directory.ts";
import { GROUNDCREW_SOURCE, type PlaneClient, readList } from "../../plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError, PlaneError, REFUSAL_CODES } from "../../plane/errors.ts";
import {
  membersApi,
  type PlaneProject,
  projectMembersApi,
  projectsApi,
  statesApi as stateCalls,
} from "../../plane/projects.ts";
import type { ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, workKeys } from "../../records/store-keys.ts";
import { findPersonIdByEmail, readStates, resolveName } from "../../sync/names.ts";
import { readProjects } from "../../sync/projects.ts";
import { toStatus } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { ensureMembers, PROJECT_ADMIN_ROLE, readSystemUserId } from "../assignees.ts";
import { type CallContext, withLock } from "../call-context.ts";
import { findOnlyOpenWish, type Wish } from "../wishes.ts";

export const newProjectSchema = z.object({
  name: z.string(),
  description: z.string().optional(),
  /** At most 12 letters and digits; derived from the name when absent. */
  identifier: z.string().optional().describe("the ONB of ONB-12"),
});

type NewProject = z.infer<typeof newProjectSchema>;

/** Limit of attempts with another identifier: Plane may have projects that we do not see. */
const MAX_TRIES = 5;

/** Characters that Plane refuses in a project's name. */
const SPECIAL_CHARACTERS = /[&+,:;$^}{*=?@#|'<>.()%!-]/g;

/** Plane's limits of a project's name and identifier, in characters. */
const MAX_NAME_LENGTH = 255;
const MAX_IDENTIFIER_LENGTH = 12;

/** The five default states of a Plane project; Groundcrew adds Blocked. */
const STATES = [
  { name: "Backlog", group: "backlog", color: "#60646c" },
  { name: "Todo", group: "unstarted", color: "#60646c" },
  { name: "In Progress", group: "started", color: "#f59e0b" },
  { name: "Done", group: "completed", color: "#46a758" },
  { name: "Cancelled", group: "cancelled", color: "#9aa4bc" },
] as const;

/** A new project's features: only cycles and modules, besides work items, which cannot be disabled (PROV-04). */
export const PROJECT_FEATURES = {
  cycle_view: true,
  module_view: true,
  issue_views_view: false,
  page_view: false,
  intake_view: false,
} as const;

/** Plane's role of a member; guests, below it, belong to a project only when the setting `people` names them. */
const MEMBER_ROLE = 15;

const BLOCKED_STATE = { name: "Blocked", group: "started", color: "#d94f4f" } as const;

/**
 * Creates a project as the caller: states (including Blocked), only cycles and modules enabled, all agents, Groundcrew
 * itself and the people it belongs to as members; from then on it is polled. `wish` is the one that the project is for;
 * by default the caller's, when one alone is open. Repeating the call, also after an interruption, returns the same
 * project. Throws `bad_request` for a name that Plane does not accept, `conflict` for the name of another project.
 */
export async function createProject(context: CallContext, newProject: NewProject, wish?: Wish): Promise<ProjectRecord> {
  const name = cleanProjectName(newProject.name);
  const problem = findProjectNameProblem(name) ?? findIdentifierProblem(context, newProject.identifier);
  if (problem) throw new GroundcrewError("bad_request", problem, { refusal: { name: "invalidProject" } });
  return withLock(context, "project", name.toLowerCase(), async (renew) => {
    const { deps, systemPlane, correlation } = context;
    const nameHash = await hashProjectName(name);
    const project = await findOrCreateProject(context, { ...newProject, name }, nameHash);
    await renew();
    const { user } = wish ?? (await findOnlyOpenWish(deps, context.caller.name)) ?? {};
    await setUpProject(context, project, nameHash, user);
    await renew();
    const queuedAt = await deps.store.now();
    await readProjects({ ...deps, plane: systemPlane }, correlation);
    const [record] = await deps.store.read<ProjectRecord>([observedKeys.project(project.id)]);
    if (!record) throw new GroundcrewError("internal", `The project ${name} was created, but Plane does not list it.`);
    const cause = `made:${project.id}:${correlation}`;
    await deps.store.commit({
      put: [{ key: workKeys.projectCreation(nameHash), value: undefined }],
      jobs: [createObserveJob({ type: "projects", queued: queuedAt, correlation }, cause)],
    });
    deps.notify();
    return record.value;
  });
}

async function hashProjectName(name: string): Promise<string> {
  return (await sha256Hex(name)).slice(0, 32);
}

async function findOrCreateProject(context: CallContext, newProject: NewProject & { name: string }, nameHash: string) {
  for (let tries = 1; ; tries += 1) {
    const { rows: listed } = await readList(context.systemPlane, projectsApi.list);
    const existing = findByName(listed, newProject.name);
    if (existing) return requireOwnProject(context, existing, nameHash);
    const taken = new Set(listed.map((project) => project.identifier));
    const identifier =
      newProject.identifier?.trim().toUpperCase() ?? suggestProjectIdentifier(newProject.name, taken, tries);
    try {
      return await postProject(context, newProject, identifier, nameHash);
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
      const isIdentifier = /identifier/.test(thrown.message);
      // Another call may have created it meanwhile, which the next look finds.
      const canRetry = isIdentifier ? newProject.identifier === undefined : tries === 1;
      if (canRetry && tries < MAX_TRIES) continue;
      const conflict = isIdentifier ? `identifier ${identifier}` : `name "${newProject.name}"`;
      throw new GroundcrewError("conflict", `Another project in Plane has the ${conflict}. Choose another one.`, {
        cause: thrown,
        refusal: { name: "takenProject" },
      });
    }
  }
}

/** Plane tells names in lower and upper case apart; people and agents mean the same project. */
function findByName(projects: readonly PlaneProject[], name: string): PlaneProject | undefined {
  const isSame = (project: PlaneProject) => project.name.toLowerCase() === name.toLowerCase();
  return projects.find((project) => project.name === name) ?? projects.find(isSame);
}

async function requireOwnProject({ deps }: CallContext, project: PlaneProject, nameHash: string) {
  const { name, identifier } = project;
  const ownId = `project:${await hashProjectName(name)}`;
  const isOwn = project.external_source === GROUNDCREW_SOURCE && project.external_id === ownId;
  if (isOwn && project.archived_at === null) return project;
  // The name belongs to another project, so no interrupted creation may be recorded under it.
  if (!isOwn) await deps.store.commit({ put: [{ key: workKeys.projectCreation(nameHash), value: undefined }] });
  const [refusal, reason] =
    project.archived_at === null
      ? ([
          "foreignProject",
          "exists and was not created by Groundcrew. Use it as it is, or choose another name",
        ] as const)
      : (["archivedProject", "is in Plane's archive. Choose another name, or let a person restore it"] as const);
  throw new GroundcrewError("conflict", `The project "${name}" (${identifier}) ${reason}.`, {
    refusal: { name: refusal, values: { project: name } },
  });
}

async function postProject(
  { deps, plane }: CallContext,
  { name, description = "" }: NewProject,
  identifier: string,
  nameHash: string,
): Promise<PlaneProject> {
  await deps.store.commit({ put: [{ key: workKeys.projectCreation(nameHash), value: { name } }] });
  const externalReference = { external_source: GROUNDCREW_SOURCE, external_id: `project:${nameHash}` };
  const text = cleanText(description, Number.POSITIVE_INFINITY);
  const json = { name, identifier, description: text, ...PROJECT_FEATURES, ...externalReference };
  return (await plane.call(projectsApi.create, { json })).data;
}

/**
 * Adds what a new project lacks: members, features and states. Idempotent. The caller only makes Groundcrew an admin,
 * which does the rest, outside of the caller's pace.
 */
async function setUpProject(
  context: CallContext,
  project: PlaneProject,
  nameHash: string,
  wisher: number | undefined,
): Promise<void> {
  const { deps, plane, systemPlane } = context;
  const isNewAdmin = await joinProject(context, project);
  // As a member from before, Groundcrew need not be an admin.
  const client = isNewAdmin ? systemPlane : plane;
  const [unfinished] = await deps.store.read([workKeys.projectCreation(nameHash)]);
  // Once the project is complete, its features are for people to choose.
  if (unfinished) await setFeatures(deps, client, project);
  const agents = await Promise.all(
    deps.settings.agents.map(({ email }) => findPersonIdByEmail({ ...deps, plane: systemPlane }, email)),
  );
  await ensureMembers(context, project, keepDefined(agents));
  await addProjectPeople(context, project, wisher);
  await addMissingStates(context, project.id);
}

/**
 * Adds the people who belong to a project, each with the role they have in the workspace: Plane shows the items of a
 * project to its members only. Those whom Plane lists already, also because they were removed, are left unchanged.
 */
async function addProjectPeople(
  context: CallContext,
  project: Pick<ProjectRecord, "id" | "identifier">,
  wisher: number | undefined,
): Promise<void> {
  const { deps, systemPlane } = context;
  const { data: members } = await systemPlane.call(membersApi.list);
  const ownId = await readSystemUserId(deps, systemPlane);
  const { identifier } = project;
  const people = selectProjectPeople(members, deps.settings, identifier, wisher).filter(({ id }) => id !== ownId);
  for (const [role, own] of Map.groupBy(people, (person) => person.role)) {
    const ids = own.map(({ id }) => id);
    await ensureMembers(context, project, ids, { role });
  }
  const emails = new Set(members.map(({ email }) => email?.toLowerCase()));
  const wanted = listProjectEmails(deps.settings.people ?? [], identifier, wisher);
  const absent = wanted.filter((email) => !emails.has(email));
  if (absent.length > 0) deps.log.warn("people are not in the workspace", { project: identifier, people: absent });
}

/**
 * Selects the people of a workspace who belong to the project with this identifier. `wisher` is the Telegram user whose
 * wish the project is for.
 */
export function selectProjectPeople<M extends { email: string | null; role: number }>(
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

/** The addresses of the people whom the setting names for this project. */
export function listProjectEmails(people: NonNullable<Settings["people"]>, identifier: string, wisher?: number) {
  return people
    .filter(
      ({ telegram, projects }) =>
        !projects || projects.includes(identifier) || (telegram !== undefined && telegram === wisher),
    )
    .map(({ email }) => email);
}

/** How it is said, to people, that an account has no access to a project. */
export function describeMissingMembership({ name, identifier }: Pick<ProjectRecord, "name" | "identifier">): string {
  return `is not a member of ${name} (${identifier})`;
}

/** Sets the features of a project. Plane enables pages in a new one, whatever the create request says. */
async function setFeatures({ log }: Pick<TaskDeps, "log">, client: PlaneClient, project: PlaneProject) {
  if (findWrongFeatures(project).length === 0) return;
  try {
    await client.call(projectsApi.update, { params: { project: project.id }, json: { ...PROJECT_FEATURES } });
  } catch (thrown) {
    // The project can be used without.
    if (!(thrown instanceof PlaneError) || !REFUSAL_CODES.has(thrown.code)) throw thrown;
    log.warn("features of a new project cannot be changed", { project: project.identifier, error: thrown.message });
  }
}

/** Makes Groundcrew an admin of the project, as the caller; returns false when it is a member already. */
async function joinProject(context: CallContext, { id }: PlaneProject): Promise<boolean> {
  const member = await readSystemUserId(context.deps, context.systemPlane);
  const params = { project: id };
  const members = await context.systemPlane.call(projectMembersApi.list, { params }).catch((thrown: unknown) => {
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return undefined;
    throw thrown;
  });
  if (members?.data.some((user) => user.id === member)) return false;
  await context.plane.call(projectMembersApi.add, { params, json: { member, role: PROJECT_ADMIN_ROLE } });
  return true;
}

async function addMissingStates({ deps, systemPlane }: CallContext, project: string): Promise<void> {
  const { states } = deps.settings;
  const params = { project };
  const existing = await readStates({ ...deps, plane: systemPlane }, project);
  for (const state of findMissingStates(existing, states)) {
    try {
      const { data } = await systemPlane.call(stateCalls.create, { params, json: { ...state } });
      await resolveName(deps, project, "states", data);
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
    }
  }
}

/** Whether the creation of a project with this name was interrupted; creating it again completes it. */
export async function isProjectIncomplete({ deps }: CallContext, name: string): Promise<boolean> {
  const [record] = await deps.store.read([workKeys.projectCreation(await hashProjectName(cleanProjectName(name)))]);
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

/** Reduces a name to one line of visible characters. */
export function cleanProjectName(rawName: string): string {
  return cleanLine(rawName, Number.POSITIVE_INFINITY);
}

/** Why Plane would refuse this name, with a suggestion; undefined when Plane accepts it. */
export function findProjectNameProblem(name: string): string | undefined {
  if (name === "") return "The project's name is empty.";
  if ([...name].length > MAX_NAME_LENGTH) return `A project's name may have at most ${MAX_NAME_LENGTH} characters.`;
  const specialCharacters = [...new Set(name.match(SPECIAL_CHARACTERS))];
  if (specialCharacters.length === 0) return undefined;
  const cleanName = name.replace(SPECIAL_CHARACTERS, " ").replace(/\s+/g, " ").trim();
  const suggestion = cleanName === "" ? "letters, digits and spaces" : `"${cleanName}"`;
  return `Plane accepts no special characters in a project's name (${specialCharacters.join(" ")}). Use ${suggestion}.`;
}

/**
 * Suggests an identifier for a project that is not in `taken`: the initials of the name's words, or the start of its
 * only word, with a number if needed. `tries` above 1 skips that many suggestions less one.
 */
export function suggestProjectIdentifier(name: string, taken: ReadonlySet<string>, tries = 1): string {
  const ascii = name
    .normalize("NFKD")
    .toUpperCase()
    .replace(/[^A-Z0-9 ]/g, "");
  const words = ascii.split(" ").filter((word) => word !== "");
  const [first = ""] = words;
  const abbreviation = words.length > 1 ? words.map((word) => word.slice(0, 1)).join("") : first.slice(0, 4);
  const base = abbreviation.slice(0, MAX_IDENTIFIER_LENGTH - 4) || "PROJ";
  let triesLeft = tries;
  for (let number = 1; ; number += 1) {
    const identifier = number === 1 ? base : `${base}${number}`;
    if (!taken.has(identifier)) triesLeft -= 1;
    if (triesLeft === 0) return identifier;
  }
}

/** Finds the states that a project lacks: one for each of Plane's groups, and one that means blocked. */
export function findMissingStates(existing: readonly { name: string; group: string }[], states: Settings["states"]) {
  const hasBlocked = existing.some((state) => toStatus(state, [], states) === "blocked");
  return keepDefined([
    ...STATES.filter(({ group }) => !existing.some((state) => state.group === group)),
    hasBlocked ? undefined : { ...BLOCKED_STATE, name: states.blocked?.[0] ?? BLOCKED_STATE.name },
  ]);
}

/** The names of a project's features that differ from those that Groundcrew creates; one that Plane lacks does not. */
export function findWrongFeatures(project: PlaneProject) {
  const names = Object.keys(PROJECT_FEATURES) as (keyof typeof PROJECT_FEATURES)[];
  return names.filter((name) => (project[name] ?? PROJECT_FEATURES[name]) !== PROJECT_FEATURES[name]);
}
