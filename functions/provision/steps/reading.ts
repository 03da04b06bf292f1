import { GroundcrewError } from "../../../shared/errors.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { workspaceInvitations, workspaceMembers, workspaces } from "../../../shared/plane/app/workspaces.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import type { Ms } from "../../../shared/store/port.ts";
import type { Context } from "../context.ts";
import { type InstanceInfo, instanceState } from "../instance.ts";

/** The secret that is Groundcrew's own API key. */
export const OWN_KEY = "PLANE_API_KEY";

/**
 * What Plane says of itself to anyone; undefined as long as it is not ready. Plane keeps what it says for two hours by
 * its whole address, and may have kept it a moment before somebody set it up: an address of our own is asked.
 */
export async function askInstance(
  { sessions, clock }: Context,
  pauses?: readonly Ms[],
): Promise<InstanceInfo | undefined> {
  return (await sessions.fresh(pauses).call(instanceState, { query: { at: clock() } })).data;
}

/** Asked for seldom: Plane allows those who are not signed in 30 requests a minute, all together. */
export function instanceInfo(context: Context): Promise<InstanceInfo> {
  const { instance } = context;
  instance.asked ??= askInstance(context).then((info) => needed(info, "Plane"));
  instance.asked.catch(() => {
    instance.asked = undefined;
  });
  return instance.asked;
}

/** v1.2 and older have no relations. */
export async function isOld(context: Context): Promise<boolean> {
  return /^v?(?:0|1\.[0-2])(?:\.|$)/.test((await instanceInfo(context)).instance.current_version);
}

/** v1.3.0 and older have no variable that allows webhook addresses. */
export async function canAllow(context: Context): Promise<boolean> {
  return !/^v?(?:0|1\.[0-2]|1\.3\.0)(?:[.-]|$)/.test((await instanceInfo(context)).instance.current_version);
}

/** The administrator's session; undefined as long as nobody has set this Plane up. */
export async function adminSession(context: Context): Promise<PlaneSession | undefined> {
  const info = await instanceInfo(context);
  return info.instance.is_setup_done ? context.sessions.as(context.settings.admin.email) : undefined;
}

/** The workspaces of the administrator, whose session this is. */
export function myWorkspaces(context: Context, session: PlaneSession) {
  return context.once("workspaces", async () => (await session.call(workspaces.mine)).data);
}

/** The workspace as its admin sees it; undefined when it is not there or not the admin's. */
export async function ourWorkspace(context: Context) {
  const session = await adminSession(context);
  if (!session) return undefined;
  const row = (await myWorkspaces(context, session)).find(({ slug }) => slug === context.settings.plane.workspace);
  return row && { session, row, params: { workspace: row.slug } };
}

/** Who is in the workspace and who is invited; nobody as long as there is none. */
export function people(context: Context) {
  return context.once("people", async () => {
    const there = await ourWorkspace(context);
    if (!there) return { members: [], invited: [] };
    const { session, params } = there;
    const members = (await session.call(workspaceMembers.list, { params })).data;
    const invited = (await session.call(workspaceInvitations.list, { params })).data;
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
export async function ownClient(context: Context): Promise<PlaneClient | undefined> {
  const key = context.vault.first(OWN_KEY);
  return key === undefined || context.refusedKeys.has(key) ? undefined : context.client(key);
}

/** What an earlier step has seen to. */
export function needed<T>(found: T | undefined, what: string): T {
  if (found === undefined)
    throw new GroundcrewError("unavailable", `${what} is not there: run the same command again.`);
  return found;
}
