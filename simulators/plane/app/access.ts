import { createAppNotFoundError, createUnauthenticatedError, PlaneApiError } from "../api-error.ts";
import { type AccessPolicy, type EndpointCall, getReader } from "../endpoint.ts";
import { findMember, findWorkspace, getUser } from "../people.ts";
import { findProjectMember } from "../projects.ts";
import type { MemberRow, UserRow, WorkspaceRow } from "../rows.ts";
import type { MemberRole } from "../types.ts";
import type { PlaneWorld } from "../world.ts";

const SESSION_COOKIE = "session-id";
export const ADMIN_SESSION_COOKIE = "admin-session-id";
export const CSRF_COOKIE = "csrftoken";

export function findCookie(headers: Headers, name: string): string | undefined {
  const pairs = (headers.get("cookie") ?? "").split("; ").map((pair) => pair.split("="));
  return pairs.find(([cookie]) => cookie === name)?.[1];
}

export const formatSetCookie = (name: string, value: string): string =>
  `${name}=${value}; HttpOnly; Path=/; SameSite=Lax`;

export const findSessionUser = (world: PlaneWorld, headers: Headers, cookie = SESSION_COOKIE): UserRow | undefined => {
  const id = world.data.sessions.get(`${cookie}:${findCookie(headers, cookie) ?? ""}`);
  return id === undefined ? undefined : getUser(world, id);
};

/** Opens a session of this user and returns the `Set-Cookie` header. */
export function openSession(world: PlaneWorld, user: UserRow, headers: Headers, cookie = SESSION_COOKIE): string {
  const key = world.newId().replaceAll("-", "");
  world.data.sessions.set(`${cookie}:${key}`, user.id);
  user.last_login = world.stamp();
  user.last_login_uagent = headers.get("user-agent") ?? "";
  return formatSetCookie(cookie, key);
}

/** The access policy of the browser's API: a session cookie. `allow` is the `Allow` header as Plane sends it. */
export const createSessionPolicy = (allow: string): AccessPolicy => ({
  allow,
  identify(call) {
    const user = findSessionUser(call.world, call.headers);
    if (!user) throw createUnauthenticatedError();
    return user;
  },
});

export const createPublicPolicy = (allow: string): AccessPolicy => ({ allow, identify: () => undefined });

/** Returns the workspace of the path. Throws unless the reader has at least this role in it. */
export function requireWorkspaceRole(call: EndpointCall, minimumRole: MemberRole): WorkspaceRow {
  const workspace = findWorkspace(call.world, call.params["slug"] ?? "");
  const member: MemberRow | undefined = workspace && findMember(call.world, workspace.id, getReader(call).id);
  if (!workspace || !member || member.role < minimumRole)
    throw new PlaneApiError(403, { error: "You don't have the required permissions." });
  return workspace;
}

/** Throws unless the reader is a member of the path's project with the right to edit. */
export function requireProjectEditor(call: EndpointCall): void {
  const member = findProjectMember(call.world, call.params["projectId"] ?? "", getReader(call).id);
  if (!member) throw createAppNotFoundError();
  if (member.role < 15) throw new PlaneApiError(403, { error: "You don't have the required permissions." });
}
