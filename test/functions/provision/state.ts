import { z } from "zod";
import { noMetrics } from "../../../shared/metrics.ts";
import { accounts, apiTokens } from "../../../shared/plane/app/account.ts";
import { createPlaneSession } from "../../../shared/plane/app/session.ts";
import { auth } from "../../../shared/plane/app/sign-in.ts";
import { webhooks } from "../../../shared/plane/app/webhooks.ts";
import { workspaceInvitations, workspaceMembers } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN, NOTES, type Rig, SECRETS } from "./rig.ts";

const params = { workspace: "javisi" };

/** A session of this account, with the password provision has kept. */
export async function signedIn(rig: Rig, email: string) {
  const session = createPlaneSession({ url: rig.url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  const { csrf_token } = (await session.call(auth.csrf)).data;
  const password: string = rig.notes().accounts[email]?.password ?? rig.env["PLANE_ADMIN_PASSWORD"];
  const form = { email, password, csrfmiddlewaretoken: csrf_token };
  const { refused } = (await session.call(auth.signIn, { form })).data;
  if (refused) throw new Error(`${email} cannot sign in: ${refused.reason}`);
  return session;
}

/** Everything that provision has brought about, without ids, times and the secrets themselves: alike runs end alike. */
export async function stateOf(rig: Rig) {
  const session = await signedIn(rig, ADMIN);
  const members = (await session.call(workspaceMembers.list, { params })).data.filter(({ member }) => !member.is_bot);
  const emails = new Map(members.map(({ member }) => [member.id, member.email ?? ""]));
  const named = (ids: readonly string[]) => ids.map((id) => emails.get(id)).sort();
  const tokens: Record<string, string[]> = {};
  const languages: Record<string, string> = {};
  for (const { member } of members) {
    const own = await signedIn(rig, member.email ?? "");
    const { language, is_onboarded } = (await own.call(accounts.profile)).data;
    languages[member.email ?? ""] = `${language}${is_onboarded ? ", knows Plane" : ""}`;
    tokens[member.email ?? ""] = (await own.call(apiTokens.list)).data.map(({ label }) => label).sort();
  }
  const project = await firstProject(rig);
  const items = project ? rig.plane.items(project.id) : [];
  const titles = new Map(items.map(({ id, name }) => [id, name]));
  return {
    members: members.map(({ member, role }) => `${member.email} ${role} ${member.display_name}`).sort(),
    invited: (await session.call(workspaceInvitations.list, { params })).data.length,
    tokens,
    languages,
    webhooks: (await session.call(webhooks.list, { params })).data.map(({ url, is_active, issue, module }) => ({
      url,
      is_active,
      issue,
      module,
    })),
    project: project?.shown,
    states: project ? rig.plane.states(project.id).map(({ name, group }) => `${group} ${name}`) : [],
    labels: project
      ? rig.plane
          .labels(project.id)
          .map(({ name }) => name)
          .sort()
      : [],
    items: items
      .map(({ id, name, assignees }) => ({
        name,
        assignees: named(assignees),
        waitsFor: rig.plane.blockers(id).map((one) => titles.get(one)),
      }))
      .sort((a, b) => a.name.localeCompare(b.name)),
    inProject: project ? named(project.members) : [],
    files: [...rig.files].map(([path, { mode }]) => `${path} ${mode.toString(8)}`).sort(),
    secrets: Object.entries(rig.secrets())
      .map(([name, value]) => `${name} ${Array.isArray(value) ? value.length : 1}`)
      .sort(),
    accounts: Object.keys(rig.notes().accounts).sort(),
    noted: Object.entries<unknown[]>(rig.notes().tokens)
      .map(([name, some]) => `${name} ${some.length}`)
      .sort(),
    notes: Object.keys(JSON.parse(rig.files.get(NOTES)?.text ?? "{}")).sort(),
    has: rig.files.has(SECRETS),
  };
}

const withId = z.looseObject({ id: z.string() });
const projectList = z.object({ results: z.array(withId.extend({ identifier: z.string() })) });

/** Asked for as the runtime will: with the key that provision has kept. */
async function firstProject(rig: Rig) {
  const headers = { "x-api-key": String(rig.secrets()["PLANE_API_KEY"]) };
  const root = `${rig.url}/api/v1/workspaces/javisi/projects/`;
  const { results } = projectList.parse(await (await fetch(root, { headers })).json());
  const found = results.find(({ identifier }) => identifier === "ONB");
  if (!found) return undefined;
  const members = z.array(withId).parse(await (await fetch(`${root}${found.id}/members/`, { headers })).json());
  const { id, name, identifier, cycle_view, module_view, issue_views_view, page_view, intake_view, external_id } =
    found;
  return {
    id,
    shown: { name, identifier, cycle_view, module_view, issue_views_view, page_view, intake_view, external_id },
    members: members.map((member) => member.id),
  };
}
