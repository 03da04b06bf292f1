import { GroundcrewError } from "../../../shared/errors.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { workspaceInvitationsApi, workspaceMembersApi, workspacesApi } from "../../../shared/plane/app/workspaces.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import type { Ms } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import { type InstanceInfo, instanceStateEndpoint } from "../instance.ts";

/** The secret that is Groundcrew's own API key. */
export const OWN_KEY_SETTING = "PLANE_API_KEY";

/**
 * What Plane says of itself to anyone; undefined as long as it is not ready. Plane keeps what it says for two hours by
 * its whole address, and may have kept it a moment before somebody set it up: an address of our own is asked.
 */
export async function readInstance(
  { sessions, clock }: ProvisionContext,
  pauses?: readonly Ms[],
): Promise<InstanceInfo | undefined> {
  return (await sessions.fresh(pauses).call(instanceStateEndpoint, { query: { at: clock() } })).data;
}

/** Asked for seldom: Plane allows those who are not signed in 30 requests a minute, all together. */
export function getInstanceInfo(context: ProvisionContext): Promise<InstanceInfo> {
  const { instance } = context;
  instance.asked ??= readInstance(context).then((info) => requireFound(info, "Plane"));
  instance.asked.catch(() => {
    instance.asked = undefined;
  });
  return instance.asked;
}

/** v1.2 and older have no relations. */
export async function isBeforeRelations(context: ProvisionContext): Promise<boolean> {
  return /^v?(?:0|1\.[0-2])(?:\.|$)/.test((await getInstanceInfo(context)).instance.current_version);
}

/** v1.3.0 and older have no variable that allows webhook addresses. */
export async function canAllowWebhookHosts(context: ProvisionContext): Promise<boolean> {
  return !/^v?(?:0|1\.[0-2]|1\.3\.0)(?:[.-]|$)/.test((await getInstanceInfo(context)).instance.current_version);
}

/** The administrator's session; undefined as long as nobody has set this Plane up. */
export async function findAdminSession(context: ProvisionContext): Promise<PlaneSession | undefined> {
  const info = await getInstanceInfo(context);
  return info.instance.is_setup_done ? context.sessions.as(context.settings.admin.email) : undefined;
}

/** The workspaces of the administrator, whose session this is. */
export function readAdminWorkspaces(context: ProvisionContext, session: PlaneSession) {
  return context.readOnce("workspaces", async () => (await session.call(workspacesApi.mine)).data);
}

/** The workspace as its admin sees it; undefined when it is not there or not the admin's. */
export async function findOwnWorkspace(context: ProvisionContext) {
  const session = await findAdminSession(context);
  if (!session) return undefined;
  const row = (await readAdminWorkspaces(context, session)).find(
    ({ slug }) => slug === context.settings.plane.workspace,
  );
  return row && { session, row, params: { workspace: row.slug } };
}

/** Who is in the workspace and who is invited; nobody as long as there is none. */
export function readWorkspacePeople(context: ProvisionContext) {
  return context.readOnce("people", async () => {
    const workspace = await findOwnWorkspace(context);
    if (!workspace) return { members: [], invited: [] };
    const { session, params } = workspace;
    const members = (await session.call(workspaceMembersApi.list, { params })).data;
    const invited = (await session.call(workspaceInvitationsApi.list, { params })).data;
    return {
      // Who was removed stays in the list; an invitation brings them back.
      members: members.filter(isActive).map(({ id, role, member }) => ({
        membership: id,
        role,
        id: member.id,
        email: member.email?.toLowerCase() ?? "",
        displayName: member.display_name,
      })),
      invited: invited.map(({ email }) => email.toLowerCase()),
    };
  });
}

const isActive = ({ is_active }: { is_active: boolean }) => is_active;

/** The public API as Groundcrew itself; undefined as long as it has no key that Plane takes. */
export async function findOwnClient(context: ProvisionContext): Promise<PlaneClient | undefined> {
  const key = context.vault.first(OWN_KEY_SETTING);
  return key === undefined || context.refusedKeys.has(key) ? undefined : context.client(key);
}

/** What an earlier step has seen to. */
export function requireFound<T>(found: T | undefined, subject: string): T {
  if (found === undefined)
    throw new GroundcrewError("unavailable", `${subject} is not there: run the same command again.`);
  return found;
}
