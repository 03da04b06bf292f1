import { GroundcrewError } from "../../../shared/errors.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { type ApiKeySpec, createApiToken, deleteOldTokens } from "../api-tokens.ts";
import type { ProvisionContext } from "../context.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { findSampleProject, isUntouched, type SampleProject } from "../sample-project.ts";
import { createStep, type StepDecision } from "../step.ts";
import { findOwnClient, findOwnWorkspace, requireFound } from "./plane-state.ts";

const PROJECT_ADMIN = 20;

type SampleProjectAction = { is: "changed"; detail: string; sample?: SampleProject };

/** What may be removed: the sample project found, or the one that Plane adds to a workspace yet to be created. */
export async function findRemovableSample(context: ProvisionContext): Promise<string | undefined> {
  const state = await readSampleState(context);
  if (state.kind === "no workspace") return "the one that Plane adds to a new workspace";
  return state.kind === "found" ? formatLabel(state.sample) : undefined;
}

/**
 * Removes the sample project that Plane adds to every new workspace, if a person has chosen that and nobody has changed
 * it.
 */
export const sampleProjectStep = createStep({
  name: "plane's sample project",
  needs: ["groundcrew's API key"],
  readState: async (context) => ({
    ...(await readSampleState(context)),
    isWanted: context.removeSampleProject,
    hasLeftover: (context.vault.getNotes().tokens[TEMPORARY_KEY] ?? []).length > 0,
  }),
  decide(state): StepDecision<SampleProjectAction> {
    const leftover = { is: "changed" as const, detail: "delete the temporary API key of an interrupted run" };
    const actions: SampleProjectAction[] = state.hasLeftover ? [leftover] : [];
    if (state.kind === "none") return { actions, note: "none, or people have changed it" };
    const label = state.kind === "found" ? formatLabel(state.sample) : "the one that Plane adds to a new workspace";
    if (!state.isWanted) return { actions, note: `${label}: left unchanged; --remove-sample-project removes it` };
    const removal = { is: "changed" as const, detail: `remove ${label}, if nobody has changed it` };
    return { actions: [...actions, state.kind === "found" ? { ...removal, sample: state.sample } : removal] };
  },
  async applyAction(context, { sample }) {
    const { session } = requireFound(await findOwnWorkspace(context), "The workspace");
    const key = { name: TEMPORARY_KEY, email: context.settings.admin.email, label: "groundcrew sample project" };
    if (!sample) return deleteOldTokens(context, session, key, []);
    if (sample.member_role === PROJECT_ADMIN)
      return removeSample(requireFound(await findOwnClient(context), "Groundcrew's API key"), sample);
    // Only members can read and delete the project: of the accounts here, the one that created the workspace.
    await withTemporaryKey(context, session, key, (client) => removeSample(client, sample));
  },
});

/** Entry of provision's notes with the id of the temporary key, so that an interrupted run leaves no key behind. */
const TEMPORARY_KEY = "SAMPLE_PROJECT";

async function withTemporaryKey(
  context: ProvisionContext,
  session: Parameters<typeof createApiToken>[1],
  key: ApiKeySpec,
  use: (client: PlaneClient) => Promise<void>,
) {
  // Recorded before the key exists, so that the next run deletes it even if this one ends before it knows its id.
  const pending = { id: "", hash: "" };
  await context.vault.updateNotes(({ tokens }) => ({ tokens: { ...tokens, [key.name]: [pending] } }));
  try {
    await use(await context.getClient(await createApiToken(context, session, key)));
  } finally {
    await deleteOldTokens(context, session, key, []);
  }
}

async function removeSample(client: PlaneClient, sample: SampleProject) {
  if (!(await isUntouched(client, sample)))
    throw new GroundcrewError(
      "conflict",
      `${formatLabel(sample)} was not removed: people have added or changed work items or comments. Delete it in Plane, or run the same command with --keep-sample-project.`,
    );
  await client.call(ignoreResponse({ ...projectsApi.get, operation: "projects_delete", method: "DELETE" }), {
    params: { project: sample.id },
  });
}

async function readSampleState(context: ProvisionContext) {
  if (!(await findOwnWorkspace(context))) return { kind: "no workspace" as const };
  const client = await findOwnClient(context);
  const sample = client && (await context.readOnce("sample project", () => findSampleProject(client)));
  return sample ? { kind: "found" as const, sample } : { kind: "none" as const };
}

const formatLabel = ({ name, identifier }: SampleProject) => `${name} (${identifier})`;
