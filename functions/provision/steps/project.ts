/**
 * Steps that create the first project with its states, labels and members, and bring agents back into every project
 * that Groundcrew created.
 */

import { z } from "zod";
import { projectMembershipsApi } from "../../../shared/plane/app/session.ts";
import {
  type Endpoint,
  GROUNDCREW_SOURCE,
  type PlaneCallOptions,
  type PlaneClient,
  readList,
} from "../../../shared/plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError } from "../../../shared/plane/errors.ts";
import {
  labelsApi,
  type PlaneProject,
  projectMembersApi,
  projectsApi,
  statesApi,
} from "../../../shared/plane/projects.ts";
import { listManagedLabels, type ManagedNameKind, resolveRows } from "../../../shared/sync/names.ts";
import { getLabelColor } from "../../../shared/tasks/assignees.ts";
import {
  describeMissingMembership,
  findMissingStates,
  findWrongFeatures,
  listProjectEmails,
  PROJECT_FEATURES,
  selectProjectPeople,
} from "../../../shared/tasks/planning/create-project.ts";
import {
  findOwnClient,
  getOwnClient,
  getOwnEmail,
  type ProvisionContext,
  readWorkspacePeople,
  requireFound,
  sendChange,
} from "../context.ts";
import { createStepRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep, type StepChange } from "../step.ts";
import type { AccountSpec } from "./workspace.ts";

/** The first project, and the client that may change it. */
export interface FirstProject {
  client: PlaneClient;
  params: { project: string };
}

type StepPlan = ProvisionStep["plan"];

/** An account that a project needs as a member, with its role in the workspace. */
interface MemberSpec extends Pick<AccountSpec, "email" | "name" | "role"> {
  /** No setting names the person, so a membership that people have ended is left ended. */
  isUnnamed?: boolean;
}

/** A project that exists, as people name it. */
interface NamedProject extends FirstProject {
  name: string;
  identifier: string;
}

/** Marks the project, so that a later run finds it even if people have renamed it. */
const EXTERNAL_MARK = { external_source: GROUNDCREW_SOURCE, external_id: "provision:first-project" } as const;

/** All that is read of the answer to a created state or label. */
const createdAnswerSchema = z.object({ data: z.object({ id: z.string() }) });

const GROUPS = ["backlog", "unstarted", "started", "completed", "cancelled"];

const DEFAULT_STATES = GROUPS.map((group) => ({ name: group, group }));

/**
 * Creates the first project with only cycles and modules enabled. Never changes projects that provision did not create.
 */
export const projectStep = createStep("project", ["groundcrew's API key"], async (context) => {
  const { project: wanted } = context.settings;
  if (wanted === false) return "disabled in the settings";
  // Plane enables pages in a new project, whatever the create request says.
  const setFeatures = async (project: string) => {
    const options = { params: { project }, json: PROJECT_FEATURES };
    await sendChange(await getOwnClient(context), projectsApi.update, options);
  };
  const { all, project: found } = await readProjectList(context);
  if (!found) {
    const lowerName = wanted.name.toLowerCase();
    const conflicting = all.find(
      ({ name, identifier }) => name.toLowerCase() === lowerName || identifier === wanted.identifier,
    );
    if (conflicting) throw createForeignProjectError(`${conflicting.name} (${conflicting.identifier})`);
    const detail = `${wanted.name} (${wanted.identifier}), with cycles and modules only`;
    return create(detail, async () => setFeatures(await createFirstProject(context, wanted)));
  }
  const label = `${found.name} (${found.identifier})`;
  if (found.archived_at) return `${label} is archived: left unchanged`;
  const wrongFeatures = findWrongFeatures(found);
  if (wrongFeatures.length === 0) return label;
  const changes = wrongFeatures.map(
    (name) => `${name.replace(/_view$/, "").replace("_", " ")} ${PROJECT_FEATURES[name] ? "on" : "off"}`,
  );
  return change(`${label}: ${changes.join(", ")}`, () => setFeatures(found.id));
});

/** Reads all projects that Groundcrew's account sees, and which of them is the first one. */
export function readProjectList(context: ProvisionContext) {
  return context.readOnce("projects", async () => {
    const client = await findOwnClient(context);
    const all = client ? (await readList(client, projectsApi.list)).rows : [];
    const isOurs = ({ external_source, external_id }: PlaneProject) =>
      external_source === EXTERNAL_MARK.external_source && external_id === EXTERNAL_MARK.external_id;
    return { all, project: all.find(isOurs) };
  });
}

/** Returns the project's id. */
async function createFirstProject(
  context: ProvisionContext,
  { name, identifier }: { name: string; identifier: string },
): Promise<string> {
  const client = await getOwnClient(context);
  try {
    return (await client.call(projectsApi.create, { json: { name, identifier, ...EXTERNAL_MARK } })).data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    // The first attempt may have succeeded without an answer.
    context.forgetReads();
    const { project: existing } = await readProjectList(context);
    if (existing) return existing.id;
    // Other people's secret projects are in no list that we can read, and a deleted project keeps its identifier for a
    // while.
    throw createForeignProjectError(`${name} or with the identifier ${identifier} (it may be secret or deleted)`);
  }
}

function createForeignProjectError(label: string) {
  return createStepRefusal(
    `Plane already has a project ${label} that provision did not create; it was not changed. Choose another name and identifier in GROUNDCREW_CONFIG (provision.project), or false for none.`,
  );
}

/**
 * Creates a step about the content of the first project. `plan` gets no project until it has been created, and is not
 * called at all when there will be none: it is not wanted, or archived.
 */
export function createProjectStep(
  name: string,
  needs: readonly string[],
  plan: (context: ProvisionContext, project: FirstProject | undefined, apply: boolean) => ReturnType<StepPlan>,
): ProvisionStep {
  return createStep(name, ["project", ...needs], async (context, apply) => {
    const { project: found } = await readProjectList(context);
    if (context.settings.project === false || found?.archived_at) return "no project to create them in";
    const client = await findOwnClient(context);
    return plan(context, client && found ? { client, params: { project: found.id } } : undefined, apply);
  });
}

/** Creates a state in each of Plane's groups and one for blocked, unless people have created one under another name. */
export const statesStep = createProjectStep("states", [], async (context, project) => {
  const rows = project && (await readList(project.client, statesApi.list, { params: project.params })).rows;
  const found = rows ? resolveKnownNames(context, rows, "states") : DEFAULT_STATES;
  return findMissingStates(found, context.settings.states).map((json) =>
    create(json.name, () => addToProject(context, project, statesApi.create, { ...json })),
  );
});

/** Creates the label `agent:<name>` for each agent, and the labels that the bridge uses. */
export const labelsStep = createProjectStep("labels", [], async (context, project) => {
  const rows = project ? (await readList(project.client, labelsApi.list, { params: project.params })).rows : [];
  const found = new Set(resolveKnownNames(context, rows, "labels").map(({ name }) => name.trim().toLowerCase()));
  return listManagedLabels(context.settings)
    .filter((name) => !found.has(name.toLowerCase()))
    .map((name) =>
      create(name, () => addToProject(context, project, labelsApi.create, { name, color: getLabelColor(name) })),
    );
});

/** Returns the states or labels with the names by which they count, which are noted for the end of the run. */
function resolveKnownNames<Row extends { id: string; name: string }>(
  { vault, settings, seenNames }: ProvisionContext,
  rows: readonly Row[],
  kind: ManagedNameKind,
): Row[] {
  const resolved = resolveRows(rows, vault.getNotes().names, settings, kind);
  for (const { id } of rows) {
    const name = resolved.names[id];
    if (name !== undefined) seenNames.set(id, name);
  }
  return resolved.rows;
}

/** Adds a state or label to the project, unless another program has done so meanwhile. */
async function addToProject(
  { seenNames }: ProvisionContext,
  project: FirstProject | undefined,
  endpoint: Endpoint<unknown>,
  json: { name: string } & Record<string, unknown>,
) {
  const { client, params } = requireFound(project, "The project");
  const answer = await sendChange(client, endpoint, { params, json }).catch((thrown: unknown) => {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    return { data: { id: thrown.id } };
  });
  const id = createdAnswerSchema.safeParse(answer).data?.data.id;
  if (id !== undefined) seenNames.set(id, json.name.trim().toLowerCase());
}

/**
 * Adds all provisioned accounts and the people who belong to projects to the first project, with the role that they
 * have in the workspace.
 */
export function createProjectMembersStep(accounts: readonly MemberSpec[]): ProvisionStep {
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
    const changes = await planMembers(context, named, [...accounts, ...people], apply);
    const missing = listProjectEmails(settings.people ?? [], identifier).map((email) => ({ email, name: email }));
    // In a plan the accounts may not exist yet; in a run their steps report why they are absent.
    const absent = [...accounts, ...missing]
      .filter(({ email }) => apply && !members.some((member) => member.email === email.toLowerCase()))
      .map(({ name }) => name);
    return [...changes, absent.length > 0 ? `not in the workspace: ${[...new Set(absent)].join(", ")}` : undefined];
  });
}

/** Brings agents back into the other projects that Groundcrew created, of which all agents are members. */
export function createAgentProjectsStep(agents: readonly MemberSpec[]): ProvisionStep {
  return createStep("agents' projects", ["groundcrew's API key"], async (context, apply) => {
    const { all, project: first } = await readProjectList(context);
    const client = await findOwnClient(context);
    const changes: StepChange[] = [];
    for (const project of all) {
      const isOther = project.external_source === GROUNDCREW_SOURCE && project.id !== first?.id;
      if (!client || !isOther || project.archived_at !== null) continue;
      const named = { ...project, client, params: { project: project.id } };
      changes.push(...(await planMembers(context, named, agents, apply)));
    }
    return changes;
  });
}

/**
 * Plans the memberships that a project lacks; of accounts that are not in the workspace, none in a run (`apply`), in
 * which earlier steps have created all.
 */
async function planMembers(
  context: ProvisionContext,
  project: NamedProject | undefined,
  specs: readonly MemberSpec[],
  apply: boolean,
): Promise<StepChange[]> {
  if (!project) return specs.map(({ name }) => create(name, async () => requireFound(project, "The project")));
  const { members } = await readWorkspacePeople(context);
  // Those who have access; undefined when none of the accounts to sign in as is a member.
  const { client, params } = project;
  const activeRows = await callAsMember(context, projectMembershipsApi.list, { params }).catch(ignoreRefusal);
  const active = activeRows && new Set(activeRows.data.map(({ member }) => member));
  // Those who are or were members; an API key lists them unless its own account is no member any more.
  const listing = client.call(projectMembersApi.list, { params });
  const listedRows = await (active ? listing.catch(ignoreRefusal) : listing);
  const listed = listedRows && new Set(listedRows.data.map(({ id }) => id));
  return specs.flatMap((spec) => {
    const id = members.find(({ email }) => email === spec.email.toLowerCase())?.id;
    if (id === undefined && apply) return [];
    const wasMember = id !== undefined && (listed?.has(id) ?? true);
    const isMember = active ? id !== undefined && active.has(id) : wasMember;
    if (isMember || (wasMember && spec.isUnnamed)) return [];
    const detail = `${spec.name} ${describeMissingMembership(project)}`;
    const json = { member: id, role: spec.role };
    if (!wasMember) return create(detail, () => sendChange(client, projectMembersApi.add, { params, json }));
    const restored = { params, json: { members: [{ member_id: id, role: spec.role }] } };
    const endpoint = { ...projectMembershipsApi.add, answer: z.unknown() };
    return change(detail, () => callAsMember(context, endpoint, restored));
  });
}

/** Calls as the administrator or, when Plane refuses that, as Groundcrew's own account, which created the project. */
async function callAsMember<A>(
  { sessions, settings }: ProvisionContext,
  endpoint: Endpoint<A>,
  options: Pick<PlaneCallOptions, "params" | "json">,
) {
  const params = { ...options.params, workspace: settings.plane.workspace };
  const ownEmail = getOwnEmail(settings);
  const admin = await sessions.signIn(settings.admin.email);
  try {
    return await admin.call(endpoint, { ...options, params });
  } catch (thrown) {
    if (!isPermissionError(thrown) || sessions.getPassword(ownEmail) === undefined) throw thrown;
  }
  return (await sessions.signIn(ownEmail)).call(endpoint, { ...options, params });
}

const isPermissionError = (thrown: unknown) => thrown instanceof PlaneAuthError && thrown.reason === "permission";

function ignoreRefusal(thrown: unknown): undefined {
  if (!isPermissionError(thrown)) throw thrown;
}
