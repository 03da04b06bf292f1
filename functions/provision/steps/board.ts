import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { labelsApi, statesApi } from "../../../shared/plane/states-labels.ts";
import { projectMembersApi } from "../../../shared/plane/users-members.ts";
import { getLabelColor } from "../../../shared/work/changes/project-labels.ts";
import { findMissingStates } from "../../../shared/work/planning/project-states.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import { readWorkspacePeople } from "./plane-state.ts";
import { findFirstProject, requireProject } from "./project.ts";

const REQUIRED_STEPS = ["project"];
const NO_PROJECT = "no project to create them in";

/** The states of a new project in Plane. */
const DEFAULT_STATES = ["backlog", "unstarted", "started", "completed", "cancelled"].map((group) => ({
  name: group,
  group,
}));

/** Creates a state in each of Plane's groups and one for blocked, unless people have created one under another name. */
export const statesStep = createStep({
  name: "states",
  needs: REQUIRED_STEPS,
  async readState(context) {
    const project = await findFirstProject(context);
    if (project.kind !== "existing") return { project, found: DEFAULT_STATES };
    const found: { name: string; group: string }[] = [];
    for await (const { data } of project.client.pages(statesApi.list, { params: project.params }))
      found.push(...data.results);
    return { project, found };
  },
  decide({ project, found }, { states: named }) {
    if (project.kind === "unused") return { actions: [], note: NO_PROJECT };
    const missing = findMissingStates(found, named);
    return { actions: missing.map((json) => ({ is: "created" as const, detail: json.name, json })) };
  },
  async applyAction(_, { json }, { project }) {
    const { client, params } = requireProject(project);
    await ignoreConflict(client.call(ignoreResponse(statesApi.create), { params, json: { ...json } }));
  },
});

/** Creates the label `agent:<name>` for each agent, and the labels that the bridge uses. */
export const labelsStep = createStep({
  name: "labels",
  needs: REQUIRED_STEPS,
  async readState(context) {
    const project = await findFirstProject(context);
    const found: string[] = [];
    if (project.kind !== "existing") return { project, found };
    for await (const { data } of project.client.pages(labelsApi.list, { params: project.params }))
      found.push(...data.results.map(({ name }) => name.trim().toLowerCase()));
    return { project, found };
  },
  decide({ project, found }, { agents }) {
    if (project.kind === "unused") return { actions: [], note: NO_PROJECT };
    const wanted = [...agents.map(({ name }) => `agent:${name}`), "review", "blocked", "code"];
    const missing = wanted.filter((name) => !found.includes(name.toLowerCase()));
    return { actions: missing.map((name) => ({ is: "created" as const, detail: name, name })) };
  },
  async applyAction(_, { name }, { project }) {
    const { client, params } = requireProject(project);
    await ignoreConflict(
      client.call(ignoreResponse(labelsApi.create), { params, json: { name, color: getLabelColor(name) } }),
    );
  },
});

/** Adds all provisioned accounts to the first project, with the role that they have in the workspace. */
export function createProjectMembersStep(
  accounts: readonly { email: string; name: string; role: number }[],
): ProvisionStep {
  return createStep({
    name: "project members",
    needs: REQUIRED_STEPS,
    async readState(context, apply) {
      const project = await findFirstProject(context);
      const members =
        project.kind === "existing"
          ? (await project.client.call(projectMembersApi.list, { params: project.params })).data
          : [];
      const memberEmails = new Set(members.map(({ email }) => email?.toLowerCase()));
      const missing = accounts.filter(({ email }) => !memberEmails.has(email.toLowerCase()));
      const people = await readWorkspacePeople(context);
      const found = missing.map((person) => ({
        ...person,
        id: people.members.find(({ email }) => email === person.email.toLowerCase())?.id,
      }));
      return {
        project,
        joining: apply ? found.filter(({ id }) => id) : found,
        absent: apply ? found.filter(({ id }) => !id) : [],
      };
    },
    decide({ project, joining, absent }) {
      if (project.kind === "unused") return { actions: [], note: NO_PROJECT };
      // The steps of their accounts report the reason.
      const note = absent.length > 0 ? `not in the workspace: ${absent.map(({ name }) => name).join(", ")}` : undefined;
      return { actions: joining.map((person) => ({ is: "created" as const, detail: person.name, ...person })), note };
    },
    async applyAction(_, { id: member, role }, { project }) {
      const { client, params } = requireProject(project);
      await client.call(ignoreResponse(projectMembersApi.add), { params, json: { member, role } });
    },
  });
}

async function ignoreConflict(call: Promise<unknown>): Promise<void> {
  await call.catch((thrown: unknown) => {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
  });
}
