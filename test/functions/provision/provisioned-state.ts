import { z } from "zod";
import {
  accountsApi,
  apiTokensApi,
  webhooksApi,
  workspaceInvitationsApi,
  workspaceMembersApi,
} from "../../../shared/plane/app/session.ts";
import { signInToPlane } from "../../support/plane-api.ts";
import { ADMIN_EMAIL, type ProvisionSetup } from "./provision-setup.ts";

const params = { workspace: "javisi" };

/** A session of this account, with the password that provision stored. */
export function createSignedInSession({ url, readNotes, env }: ProvisionSetup, email: string) {
  return signInToPlane(url, email, readNotes().accounts[email]?.password ?? env["PLANE_ADMIN_PASSWORD"]);
}

/**
 * Everything that provision created, without ids, times and secrets, so that the results of two runs can be compared.
 */
export async function readProvisionedState(setup: ProvisionSetup) {
  const session = await createSignedInSession(setup, ADMIN_EMAIL);
  const members = (await session.call(workspaceMembersApi.list, { params })).data.filter(
    ({ member }) => !member.is_bot,
  );
  const emails = new Map(members.map(({ member }) => [member.id, member.email ?? ""]));
  const toEmails = (ids: readonly string[]) => ids.map((id) => emails.get(id)).sort();
  const tokens: Record<string, string[]> = {};
  const languages: Record<string, string> = {};
  for (const { member } of members) {
    const memberSession = await createSignedInSession(setup, member.email ?? "");
    const { language, is_onboarded } = (await memberSession.call(accountsApi.profile)).data;
    languages[member.email ?? ""] = `${language}${is_onboarded ? ", knows Plane" : ""}`;
    tokens[member.email ?? ""] = (await memberSession.call(apiTokensApi.list)).data.map(({ label }) => label).sort();
  }
  const project = await readFirstProject(setup);
  const items = project ? setup.plane.items(project.id) : [];
  const titles = new Map(items.map(({ id, name }) => [id, name]));
  return {
    members: members.map(({ member, role }) => `${member.email} ${role} ${member.display_name}`).sort(),
    invited: (await session.call(workspaceInvitationsApi.list, { params })).data.length,
    tokens,
    languages,
    webhooks: (await session.call(webhooksApi.list, { params })).data.map(({ id, secret_key, ...hook }) => hook),
    project: project?.fields,
    states: project ? setup.plane.states(project.id).map(({ name, group }) => `${group} ${name}`) : [],
    labels: (project ? setup.plane.labels(project.id) : []).map(({ name }) => name).sort(),
    items: items
      .map(({ id, name, assignees }) => ({
        name,
        assignees: toEmails(assignees),
        waitsFor: setup.plane.blockers(id).map((blocker) => titles.get(blocker)),
      }))
      .sort((a, b) => a.name.localeCompare(b.name)),
    inProject: project ? toEmails(project.members) : [],
    files: [...setup.files].map(([path, { mode }]) => `${path} ${mode.toString(8)}`).sort(),
    secrets: Object.entries(setup.readSecrets())
      .map(([name, value]) => `${name} ${Array.isArray(value) ? value.length : 1}`)
      .sort(),
    accounts: Object.keys(setup.readNotes().accounts).sort(),
    noted: Object.entries<unknown[]>(setup.readNotes().tokens)
      .map(([name, some]) => `${name} ${some.length}`)
      .sort(),
    notes: Object.keys(setup.readNotes()).sort(),
  };
}

const withId = z.looseObject({ id: z.string() });
const projectList = z.object({ results: z.array(withId.extend({ identifier: z.string() })) });

/** Reads the first project like the runtime, with the API key that provision stored. */
export async function readFirstProject(setup: ProvisionSetup) {
  const headers = { "x-api-key": String(setup.readSecrets()["PLANE_API_KEY"]) };
  const root = `${setup.url}/api/v1/workspaces/javisi/projects/`;
  const { results } = projectList.parse(await (await fetch(root, { headers })).json());
  const found = results.find(({ identifier }) => identifier === "ONB");
  if (!found) return undefined;
  const members = z.array(withId).parse(await (await fetch(`${root}${found.id}/members/`, { headers })).json());
  const { name, identifier, cycle_view, module_view, issue_views_view, page_view, intake_view, external_id } = found;
  const fields = { name, identifier, cycle_view, module_view, issue_views_view, page_view, intake_view, external_id };
  return { id: found.id, fields, members: members.map(({ id }) => id) };
}
