/**
 * Who can be assigned to a task, by name or e-mail address, the members of a project, and the labels of a project, of
 * which `agent:<name>` says the same as the assignee.
 */

import type { Deps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { PlaneCallOptions, PlaneClient } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError, PlaneInvalidError } from "../plane/errors.ts";
import { labelsApi as labelCalls, membersApi, projectMembersApi, usersApi } from "../plane/projects.ts";
import type { ProjectRecord } from "../records/plane-records.ts";
import {
  cacheLabelName,
  cachePerson,
  findManagedLabelName,
  findPersonIdByEmail,
  readLabels,
  resolveName,
  toPlanePerson,
} from "../sync/names.ts";
import type { CallContext } from "./call-context.ts";

/** A user to whom a task can be assigned. */
export interface Assignee {
  /** Plane's id. */
  id: string;
  name: string;
  /** Set for an agent: its name in the settings. */
  agent?: string;
}

/** Plane's fields of a work item that may be changed. A list replaces the whole previous list. */
export interface ItemFields {
  name?: string;
  description_html?: string;
  state?: string;
  priority?: string;
  assignees?: string[];
  labels?: string[];
  start_date?: string | null;
  target_date?: string | null;
}

export type LabelDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings" | "store" | "log">;

/** Names of labels to add to a task and to remove from it. */
export interface LabelChange {
  add?: readonly string[];
  drop?: readonly string[];
}

/** Plane's roles in a project. */
const PROJECT_MEMBER_ROLE = 15;
export const PROJECT_ADMIN_ROLE = 20;

/** Initial colors of the labels that Groundcrew creates; people may change them in Plane. */
const COLORS: Record<string, string> = { blocked: "#d94f4f", review: "#f59e0b" };
const DEFAULT_COLOR = "#6b5bd2";

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

/**
 * Adds these users to a project where they are not members yet: Plane silently ignores assignees who are no members.
 * Uses Groundcrew's own key unless `client` is given. Known members are cached; `refresh` reads them again. Throws
 * `forbidden` when the key may not add members.
 */
export async function ensureMembers(
  context: CallContext,
  project: Pick<ProjectRecord, "id" | "identifier">,
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

/** The fields of a create or PATCH that assign a task: the assignee and, for an agent, the label `agent:<name>`. */
export async function createAssignFields(
  context: CallContext,
  project: ProjectRecord,
  assignee: Assignee,
): Promise<ItemFields> {
  const { deps, systemPlane } = context;
  await ensureMembers(context, project, [assignee.id]);
  const label =
    assignee.agent && (await getOrCreateLabel({ ...deps, plane: systemPlane }, project.id, `agent:${assignee.agent}`));
  return { assignees: [assignee.id], ...omitUndefined({ labels: label ? [label] : undefined }) };
}

/**
 * Runs an action that writes labels. When Plane does not know one of them (people deleted it since they were listed),
 * runs it once more with labels that are listed and created again.
 */
export async function retryWithFreshLabels<T>(
  { deps }: CallContext,
  project: Pick<ProjectRecord, "id">,
  action: (isRetry: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await action(false);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.fields["labels"] === undefined) throw thrown;
    await forgetLabels(deps, project.id);
    return action(true);
  }
}

/**
 * Returns Plane's id of the project's label with this name, ignoring case; creates the label when there is none. The
 * first call for a project lists its labels, later ones use the cache. Uses Groundcrew's own key.
 */
export async function getOrCreateLabel(deps: LabelDeps, project: string, name: string): Promise<string> {
  const key = labelsKey(project);
  let knownLabels = await deps.cache.getItem<Record<string, string>>(key);
  if (!knownLabels) {
    const labels = await readLabels(deps, project, { priority: "interactive" });
    knownLabels = Object.fromEntries(labels.map((label) => [normalizeName(label.name), label.id]));
  }
  const label = knownLabels[normalizeName(name)] ?? (await createLabel(deps, project, name));
  await deps.cache.setItem(key, { ...knownLabels, [normalizeName(name)]: label });
  return label;
}

const labelsKey = (project: string) => `labels-of:${project}`;

const normalizeName = (name: string) => name.trim().toLowerCase();

async function createLabel(deps: LabelDeps, project: string, name: string): Promise<string> {
  const json = { name, color: getLabelColor(name) };
  const storeLabel = async (id: string) => {
    await cacheLabelName(deps, id, name);
    await resolveName(deps, project, "labels", { id, name });
    return id;
  };
  try {
    const { data } = await deps.plane.call(labelCalls.create, { params: { project }, json, priority: "interactive" });
    return await storeLabel(data.id);
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    return await storeLabel(thrown.id);
  }
}

/** Reads the names by which these labels count, in order and in lower case; "" for one that is not known. */
export function readNormalizedLabels(deps: LabelDeps, project: string, ids: readonly string[]): Promise<string[]> {
  return Promise.all(ids.map(async (id) => normalizeName((await findManagedLabelName(deps, project, id)) ?? "")));
}

/** Returns the complete list of label ids after the change; undefined when nothing changes. */
export async function applyLabelChange(
  deps: LabelDeps,
  project: string,
  current: readonly string[],
  { add = [], drop = [] }: LabelChange,
): Promise<string[] | undefined> {
  const names = await readNormalizedLabels(deps, project, current);
  const remaining = current.filter((_, i) => !drop.some((name) => normalizeName(name) === names[i]));
  const newNames = add.filter((name) => !names.includes(normalizeName(name)));
  if (newNames.length === 0 && remaining.length === current.length) return undefined;
  const newLabels: string[] = [];
  for (const name of newNames) newLabels.push(await getOrCreateLabel(deps, project, name));
  return [...new Set([...remaining, ...newLabels])];
}

/** The id of Groundcrew's own Plane user, read with its own key. */
export async function readSystemUserId(
  { cache }: Pick<Deps, "cache">,
  systemPlane: PlaneClient,
  options: Pick<PlaneCallOptions, "waitBudget"> = {},
): Promise<string> {
  const cached = await cache.getItem<{ id: string }>("ourselves");
  if (cached) return cached.id;
  const { data } = await systemPlane.call(usersApi.me, options);
  await cache.setItem("ourselves", { id: data.id });
  return data.id;
}

export function getLabelColor(label: string): string {
  return COLORS[label] ?? DEFAULT_COLOR;
}

/** Drops the cached labels of a project, so that the next lookup asks Plane. */
export async function forgetLabels({ cache }: Pick<Deps, "cache">, project: string): Promise<void> {
  await cache.removeItem(labelsKey(project));
}
