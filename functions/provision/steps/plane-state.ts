import { GroundcrewError } from "../../../shared/errors.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { workspaceInvitationsApi, workspaceMembersApi, workspacesApi } from "../../../shared/plane/app/workspaces.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import type { Ms } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import { type InstanceInfo, instanceStateEndpoint } from "../instance.ts";

/** Name of the setting with Groundcrew's own API key. */
export const OWN_KEY_SETTING = "PLANE_API_KEY";

/**
 * Reads Plane's public information about itself; undefined until Plane is ready. Plane caches the answer for two hours
 * per URL, possibly from before it was set up, so each read has a URL of its own.
 */
export async function readInstance(
  { sessions, clock }: ProvisionContext,
  pauses?: readonly Ms[],
): Promise<InstanceInfo | undefined> {
  return (await sessions.createSession(pauses).call(instanceStateEndpoint, { query: { at: clock() } })).data;
}

/** Cached, because Plane allows only 30 requests a minute in total without a sign-in. */
export function getInstanceInfo(context: ProvisionContext): Promise<InstanceInfo> {
  const { instance } = context;
  instance.info ??= readInstance(context).then((info) => requireFound(info, "Plane"));
  instance.info.catch(() => {
    instance.info = undefined;
  });
  return instance.info;
}

/** Whether this version has no relations: v1.2 and older. */
export async function isBeforeRelations(context: ProvisionContext): Promise<boolean> {
  return /^v?(?:0|1\.[0-2])(?:\.|$)/.test((await getInstanceInfo(context)).instance.current_version);
}

/** Whether this version has variables that allow webhook addresses: newer than v1.3.0. */
export async function canAllowWebhookHosts(context: ProvisionContext): Promise<boolean> {
  return !/^v?(?:0|1\.[0-2]|1\.3\.0)(?:[.-]|$)/.test((await getInstanceInfo(context)).instance.current_version);
}

/** The administrator's session; undefined until Plane has been set up. */
export async function findAdminSession(context: ProvisionContext): Promise<PlaneSession | undefined> {
  const info = await getInstanceInfo(context);
  return info.instance.is_setup_done ? context.sessions.signIn(context.settings.admin.email) : undefined;
}

/** The administrator's workspaces; `session` is the administrator's. */
export function readAdminWorkspaces(context: ProvisionContext, session: PlaneSession) {
  return context.readOnce("workspaces", async () => (await session.call(workspacesApi.mine)).data);
}

/**
 * The workspace and the administrator's session; undefined when it does not exist or the administrator is not a member.
 */
export async function findOwnWorkspace(context: ProvisionContext) {
  const session = await findAdminSession(context);
  if (!session) return undefined;
  const row = (await readAdminWorkspaces(context, session)).find(
    ({ slug }) => slug === context.settings.plane.workspace,
  );
  return row && { session, row, params: { workspace: row.slug } };
}

/** The workspace's active members and open invitations; empty lists until it exists. */
export function readWorkspacePeople(context: ProvisionContext) {
  return context.readOnce("people", async () => {
    const workspace = await findOwnWorkspace(context);
    if (!workspace) return { members: [], invited: [] };
    const { session, params } = workspace;
    const members = (await session.call(workspaceMembersApi.list, { params })).data;
    const invited = (await session.call(workspaceInvitationsApi.list, { params })).data;
    return {
      // Plane's list still contains removed accounts; a new invitation brings them back.
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

/** A client with Groundcrew's own API key; undefined until there is one that Plane accepts. */
export async function findOwnClient(context: ProvisionContext): Promise<PlaneClient | undefined> {
  const key = context.vault.getFirstValue(OWN_KEY_SETTING);
  return key === undefined || context.refusedKeys.has(key) ? undefined : context.getClient(key);
}

/** Returns the result of an earlier step. Throws when it is missing. */
export function requireFound<T>(found: T | undefined, subject: string): T {
  if (found === undefined)
    throw new GroundcrewError("unavailable", `${subject} was not found: run the same command again.`);
  return found;
}
