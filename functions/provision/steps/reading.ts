import { GroundcrewError } from "../../../shared/errors.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { workspaceInvitations, workspaceMembers, workspaces } from "../../../shared/plane/app/workspaces.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { instance } from "../../../shared/plane/instance.ts";
import type { Context } from "../context.ts";

/** The secret that is Groundcrew's own API key. */
export const OWN_KEY = "PLANE_API_KEY";

/** What Plane says of itself to anyone. */
export function instanceInfo(context: Context) {
  return context.once("instance", async () => (await context.sessions.fresh().call(instance.info)).data);
}

/** v1.2 and older have no relations and no variable that allows webhook addresses. */
export async function isOld(context: Context): Promise<boolean> {
  return /^v?1\.[0-2]\./.test((await instanceInfo(context)).instance.current_version);
}

/** The administrator's session; undefined as long as nobody has set this Plane up. */
export async function adminSession(context: Context): Promise<PlaneSession | undefined> {
  const info = await instanceInfo(context);
  return info.instance.is_setup_done ? context.sessions.as(context.settings.admin.email) : undefined;
}

/** The workspace as its admin sees it; undefined when it is not there or not the admin's. */
export async function ourWorkspace(context: Context) {
  const session = await adminSession(context);
  if (!session) return undefined;
  const mine = await context.once("workspaces", async () => (await session.call(workspaces.mine)).data);
  const row = mine.find(({ slug }) => slug === context.settings.plane.workspace);
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
      members: members.map(({ id, role, member }) => ({
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

/** The public API as Groundcrew itself; undefined as long as it has no key. */
export async function ownClient(context: Context): Promise<PlaneClient | undefined> {
  const key = context.vault.first(OWN_KEY);
  return key === undefined ? undefined : context.client(key);
}

/** What an earlier step has seen to. */
export function needed<T>(found: T | undefined, what: string): T {
  if (found === undefined)
    throw new GroundcrewError("unavailable", `${what} is not there: run the same command again.`);
  return found;
}
