import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { labels as labelCalls, states as stateCalls } from "../../../shared/plane/states-labels.ts";
import { projectMembers } from "../../../shared/plane/users-members.ts";
import { colorOf } from "../../../shared/work/labels.ts";
import { missingStates } from "../../../shared/work/project-states.ts";
import { type Step, step } from "../step.ts";
import { unread } from "../unread.ts";
import { ourProject, thereOf } from "./project.ts";
import { people } from "./reading.ts";

const NEEDS = ["project"];
const IDLE = "no project to put any into";

/** What a new project begins with. */
const FIRST = ["backlog", "unstarted", "started", "completed", "cancelled"].map((group) => ({ name: group, group }));

/** One state of each of Plane's groups, and one for blocked; people may have named theirs otherwise. */
export const states = step({
  name: "states",
  needs: NEEDS,
  async look(context) {
    const there = await ourProject(context);
    if (there.kind !== "there") return { there, found: FIRST };
    const found: { name: string; group: string }[] = [];
    for await (const { data } of there.client.pages(stateCalls.list, { params: there.params }))
      found.push(...data.results);
    return { there, found };
  },
  decide({ there, found }, { states: named }) {
    if (there.kind === "idle") return { actions: [], note: IDLE };
    const missing = missingStates(found, named);
    return { actions: missing.map((json) => ({ is: "created" as const, detail: json.name, json })) };
  },
  async act(_, { json }, { there }) {
    const { client, params } = thereOf(there);
    await unlessThere(client.call(unread(stateCalls.create), { params, json: { ...json } }));
  },
});

/** `agent:<name>` for each agent, and those that mean something to the bridge. */
export const labels = step({
  name: "labels",
  needs: NEEDS,
  async look(context) {
    const there = await ourProject(context);
    const found: string[] = [];
    if (there.kind !== "there") return { there, found };
    for await (const { data } of there.client.pages(labelCalls.list, { params: there.params }))
      found.push(...data.results.map(({ name }) => name.trim().toLowerCase()));
    return { there, found };
  },
  decide({ there, found }, { agents }) {
    if (there.kind === "idle") return { actions: [], note: IDLE };
    const wanted = [...agents.map(({ name }) => `agent:${name}`), "review", "blocked", "code"];
    const missing = wanted.filter((name) => !found.includes(name.toLowerCase()));
    return { actions: missing.map((name) => ({ is: "created" as const, detail: name, name })) };
  },
  async act(_, { name }, { there }) {
    const { client, params } = thereOf(there);
    await unlessThere(client.call(unread(labelCalls.create), { params, json: { name, color: colorOf(name) } }));
  },
});

/** Everybody provision has seen to works in the first project, in the role they have in the workspace. */
export function members(everybody: readonly { email: string; name: string; role: number }[]): Step {
  return step({
    name: "project members",
    needs: NEEDS,
    async look(context, apply) {
      const there = await ourProject(context);
      const known =
        there.kind === "there" ? (await there.client.call(projectMembers.list, { params: there.params })).data : [];
      const inside = new Set(known.map(({ email }) => email?.toLowerCase()));
      const missing = everybody.filter(({ email }) => !inside.has(email.toLowerCase()));
      const { members: all } = await people(context);
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
      if (there.kind === "idle") return { actions: [], note: IDLE };
      // Their accounts' own steps say why.
      const note = absent.length > 0 ? `not in the workspace: ${absent.map(({ name }) => name).join(", ")}` : undefined;
      return { actions: coming.map((person) => ({ is: "created" as const, detail: person.name, ...person })), note };
    },
    async act(_, { id: member, role }, { there }) {
      const { client, params } = thereOf(there);
      await client.call(unread(projectMembers.add), { params, json: { member, role } });
    },
  });
}

async function unlessThere(call: Promise<unknown>): Promise<void> {
  await call.catch((thrown: unknown) => {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
  });
}
