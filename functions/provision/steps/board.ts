import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { labelsApi as labelCalls, statesApi as stateCalls } from "../../../shared/plane/states-labels.ts";
import { projectMembersApi } from "../../../shared/plane/users-members.ts";
import { getLabelColor } from "../../../shared/work/changes/project-labels.ts";
import { findMissingStates } from "../../../shared/work/planning/project-states.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import { readWorkspacePeople } from "./plane-state.ts";
import { findFirstProject, requireProject } from "./project.ts";

const REQUIRED_STEPS = ["project"];
const NO_PROJECT = "no project to put any into";

/** What a new project begins with. */
const DEFAULT_STATES = ["backlog", "unstarted", "started", "completed", "cancelled"].map((group) => ({
  name: group,
  group,
}));

/** One state of each of Plane's groups, and one for blocked; people may have named theirs otherwise. */
export const statesStep = createStep({
  name: "states",
  needs: REQUIRED_STEPS,
  async look(context) {
    const there = await findFirstProject(context);
    if (there.kind !== "there") return { there, found: DEFAULT_STATES };
    const found: { name: string; group: string }[] = [];
    for await (const { data } of there.client.pages(stateCalls.list, { params: there.params }))
      found.push(...data.results);
    return { there, found };
  },
  decide({ there, found }, { states: named }) {
    if (there.kind === "idle") return { actions: [], note: NO_PROJECT };
    const missing = findMissingStates(found, named);
    return { actions: missing.map((json) => ({ is: "created" as const, detail: json.name, json })) };
  },
  async act(_, { json }, { there }) {
    const { client, params } = requireProject(there);
    await ignoreConflict(client.call(ignoreResponse(stateCalls.create), { params, json: { ...json } }));
  },
});

/** `agent:<name>` for each agent, and those that mean something to the bridge. */
export const labelsStep = createStep({
  name: "labels",
  needs: REQUIRED_STEPS,
  async look(context) {
    const there = await findFirstProject(context);
    const found: string[] = [];
    if (there.kind !== "there") return { there, found };
    for await (const { data } of there.client.pages(labelCalls.list, { params: there.params }))
      found.push(...data.results.map(({ name }) => name.trim().toLowerCase()));
    return { there, found };
  },
  decide({ there, found }, { agents }) {
    if (there.kind === "idle") return { actions: [], note: NO_PROJECT };
    const wanted = [...agents.map(({ name }) => `agent:${name}`), "review", "blocked", "code"];
    const missing = wanted.filter((name) => !found.includes(name.toLowerCase()));
    return { actions: missing.map((name) => ({ is: "created" as const, detail: name, name })) };
  },
  async act(_, { name }, { there }) {
    const { client, params } = requireProject(there);
    await ignoreConflict(
      client.call(ignoreResponse(labelCalls.create), { params, json: { name, color: getLabelColor(name) } }),
    );
  },
});

/** Everybody provision has seen to works in the first project, in the role they have in the workspace. */
export function createProjectMembersStep(
  accounts: readonly { email: string; name: string; role: number }[],
): ProvisionStep {
  return createStep({
    name: "project members",
    needs: REQUIRED_STEPS,
    async look(context, apply) {
      const there = await findFirstProject(context);
      const known =
        there.kind === "there" ? (await there.client.call(projectMembersApi.list, { params: there.params })).data : [];
      const memberEmails = new Set(known.map(({ email }) => email?.toLowerCase()));
      const missing = accounts.filter(({ email }) => !memberEmails.has(email.toLowerCase()));
      const { members: all } = await readWorkspacePeople(context);
      const found = missing.map((person) => ({
        ...person,
        id: all.find(({ email }) => email === person.email.toLowerCase())?.id,
      }));
      return {
        there,
        coming: apply ? found.filter(({ id }) => id) : found,
        absent: apply ? found.filter(({ id }) => !id) : [],
      };
    },
    decide({ there, coming, absent }) {
      if (there.kind === "idle") return { actions: [], note: NO_PROJECT };
      // Their accounts' own steps say why.
      const note = absent.length > 0 ? `not in the workspace: ${absent.map(({ name }) => name).join(", ")}` : undefined;
      return { actions: coming.map((person) => ({ is: "created" as const, detail: person.name, ...person })), note };
    },
    async act(_, { id: member, role }, { there }) {
      const { client, params } = requireProject(there);
      await client.call(ignoreResponse(projectMembersApi.add), { params, json: { member, role } });
    },
  });
}

async function ignoreConflict(call: Promise<unknown>): Promise<void> {
  await call.catch((thrown: unknown) => {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
  });
}
