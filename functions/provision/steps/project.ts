import { GroundcrewError } from "../../../shared/errors.ts";
import { GROUNDCREW_SOURCE } from "../../../shared/observe/comments.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { type ProjectFeatures, projectFeaturesApi } from "../../../shared/plane/project-features.ts";
import type { ProvisionContext } from "../context.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type StepDecision } from "../step.ts";
import { findOwnClient, requireFound } from "./plane-state.ts";

/** Marks the project, so that a later run finds it even if people have renamed it. */
const EXTERNAL_MARK = { external_source: GROUNDCREW_SOURCE, external_id: "provision:first-project" } as const;

/** The project's features: only cycles and modules, besides work items, which cannot be disabled. */
const FEATURES = {
  cycle_view: true,
  module_view: true,
  issue_views_view: false,
  page_view: false,
  intake_view: false,
} as const;
const featureNames = Object.keys(FEATURES) as (keyof typeof FEATURES)[];

/** The first project: `unused` when it is not wanted or archived, `pending` until it has been created. */
export async function findFirstProject(context: ProvisionContext) {
  if (context.settings.project === false) return { kind: "unused" as const };
  const client = await findOwnClient(context);
  const { project } = await readProjectList(context);
  if (!client || !project) return { kind: "pending" as const };
  if (project.archived_at) return { kind: "unused" as const };
  return { kind: "existing" as const, client, params: { project: project.id } };
}

/** The project for changes to it. Throws when an earlier step has not created it. */
export function requireProject(found: Awaited<ReturnType<typeof findFirstProject>>) {
  return requireFound(found.kind === "existing" ? found : undefined, "The project");
}

function readProjectList(context: ProvisionContext) {
  return context.readOnce("projects", async () => {
    const client = await findOwnClient(context);
    const all: ProjectFeatures[] = [];
    for await (const { data } of client?.pages(projectFeaturesApi.list) ?? []) all.push(...data.results);
    const isOurs = ({ external_source, external_id }: ProjectFeatures) =>
      external_source === EXTERNAL_MARK.external_source && external_id === EXTERNAL_MARK.external_id;
    return { all, project: all.find(isOurs) };
  });
}

/**
 * Creates the first project with only cycles and modules enabled. Never changes projects that provision did not create.
 */
export const projectStep = createStep({
  name: "project",
  needs: ["groundcrew's API key"],
  async readState(context) {
    const { project: wanted } = context.settings;
    if (wanted === false) return { kind: "not wanted" as const };
    const { all, project: found } = await readProjectList(context);
    const toLower = (text: string) => text.toLowerCase();
    const conflicting = all.find(
      ({ name, identifier }) => toLower(name) === toLower(wanted.name) || identifier === wanted.identifier,
    );
    if (!found && conflicting) throw createForeignProjectError(`${conflicting.name} (${conflicting.identifier})`);
    return { kind: "wanted" as const, found };
  },
  decide(state, { project: wanted }): StepDecision {
    if (state.kind === "not wanted" || wanted === false) return { actions: [], note: "disabled in the settings" };
    const { found } = state;
    if (!found)
      return {
        actions: [{ is: "created", detail: `${wanted.name} (${wanted.identifier}), with cycles and modules only` }],
      };
    const label = `${found.name} (${found.identifier})`;
    if (found.archived_at) return { actions: [], note: `${label} is archived: left unchanged` };
    const wrongFeatures = featureNames.filter((name) => found[name] !== FEATURES[name]);
    if (wrongFeatures.length === 0) return { actions: [], note: label };
    const changes = wrongFeatures.map(
      (name) => `${name.replace(/_view$/, "").replace("_", " ")} ${FEATURES[name] ? "on" : "off"}`,
    );
    return { actions: [{ is: "changed", detail: `${label}: ${changes.join(", ")}` }] };
  },
  async applyAction(context, action, state) {
    const client = requireFound(await findOwnClient(context), "Groundcrew's API key");
    const { project: wanted } = context.settings;
    if (wanted === false || state.kind === "not wanted") return;
    const created =
      action.is === "created"
        ? await createFirstProject(context, client, { ...wanted, ...EXTERNAL_MARK })
        : requireFound(state.found, "The project");
    // Plane enables pages in a new project, whatever the create request says.
    await client.call(ignoreResponse(projectFeaturesApi.update), { params: { project: created.id }, json: FEATURES });
  },
});

async function createFirstProject(
  context: ProvisionContext,
  client: PlaneClient,
  json: { name: string; identifier: string },
): Promise<{ id: string }> {
  try {
    return (await client.call(projectFeaturesApi.create, { json })).data;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    // The first attempt may have succeeded without an answer.
    context.forgetReads();
    const { project: existing } = await readProjectList(context);
    if (existing) return existing;
    // Other people's secret projects are in no list that we can read, and a deleted project keeps its identifier for a
    // while.
    throw createForeignProjectError(
      `${json.name} or with the identifier ${json.identifier} (it may be secret or deleted)`,
    );
  }
}

function createForeignProjectError(label: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `Plane already has a project ${label} that provision did not create; it was not changed. Choose another name and identifier in GROUNDCREW_CONFIG (provision.project), or false for none.`,
  );
}
