/** Steps that create the first project with its states, labels and members. */

import { z } from "zod";
import { type Endpoint, GROUNDCREW_SOURCE, type PlaneClient, readList } from "../../../shared/plane/endpoint.ts";
import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { labelsApi, type ProjectFeatures, projectFeaturesApi, statesApi } from "../../../shared/plane/projects.ts";

import { listManagedLabels, type ManagedNameKind, resolveRows } from "../../../shared/sync/names.ts";
import { getLabelColor } from "../../../shared/tasks/assignees.ts";
import {
  findMissingStates,
  findWrongFeatures,
  PROJECT_FEATURES,
} from "../../../shared/tasks/planning/create-project.ts";
import type { ProvisionContext } from "../context.ts";
import { createStepRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep } from "../step.ts";
import { findOwnClient, getOwnClient, requireFound, sendChange } from "./plane-state.ts";

/** The first project, and the client that may change it. */
export interface FirstProject {
  client: PlaneClient;
  params: { project: string };
}

/** Marks the project, so that a later run finds it even if people have renamed it. */
const EXTERNAL_MARK = { external_source: GROUNDCREW_SOURCE, external_id: "provision:first-project" } as const;

/** All that is read of the answer to a created state or label. */
const createdAnswerSchema = z.object({ data: z.object({ id: z.string() }) });

const DEFAULT_STATES = ["backlog", "unstarted", "started", "completed", "cancelled"].map((group) => ({
  name: group,
  group,
}));

/**
 * Creates the first project with only cycles and modules enabled. Never changes projects that provision did not create.
 */
export const projectStep = createStep("project", ["groundcrew's API key"], async (context) => {
  const { project: wanted } = context.settings;
  if (wanted === false) return ["disabled in the settings"];
  // Plane enables pages in a new project, whatever the create request says.
  const setFeatures = async (id: string) => {
    await sendChange(await getOwnClient(context), projectFeaturesApi.update, {
      params: { project: id },
      json: PROJECT_FEATURES,
    });
  };
  const { all, project: found } = await readProjectList(context);
  if (!found) {
    const lowerName = wanted.name.toLowerCase();
    const conflicting = all.find(
      ({ name, identifier }) => name.toLowerCase() === lowerName || identifier === wanted.identifier,
    );
    if (conflicting) throw createForeignProjectError(`${conflicting.name} (${conflicting.identifier})`);
    const detail = `${wanted.name} (${wanted.identifier}), with cycles and modules only`;
    return [create(detail, async () => setFeatures(await createFirstProject(context, wanted)))];
  }
  const label = `${found.name} (${found.identifier})`;
  if (found.archived_at) return [`${label} is archived: left unchanged`];
  const wrongFeatures = findWrongFeatures(found);
  if (wrongFeatures.length === 0) return [label];
  const changes = wrongFeatures.map(
    (name) => `${name.replace(/_view$/, "").replace("_", " ")} ${PROJECT_FEATURES[name] ? "on" : "off"}`,
  );
  return [change(`${label}: ${changes.join(", ")}`, () => setFeatures(found.id))];
});

/** Reads all projects that Groundcrew's account sees, and which of them is the first one. */
export function readProjectList(context: ProvisionContext) {
  return context.readOnce("projects", async () => {
    const client = await findOwnClient(context);
    const all = client ? (await readList(client, projectFeaturesApi.list)).rows : [];
    const isOurs = ({ external_source, external_id }: ProjectFeatures) =>
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
    return (await client.call(projectFeaturesApi.create, { json: { name, identifier, ...EXTERNAL_MARK } })).data.id;
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
  plan: (
    context: ProvisionContext,
    project: FirstProject | undefined,
    apply: boolean,
  ) => ReturnType<ProvisionStep["plan"]>,
): ProvisionStep {
  return createStep(name, ["project", ...needs], async (context, apply) => {
    const note = "no project to create them in";
    if (context.settings.project === false) return [note];
    const { project: found } = await readProjectList(context);
    if (found?.archived_at) return [note];
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
