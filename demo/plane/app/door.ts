import type { Call, Door } from "../endpoint.ts";
import { memberOf, userOf, workspaceBySlug } from "../people.ts";
import { projectMemberOf } from "../projects.ts";
import { appNotFound, Refusal, unauthenticated } from "../refusal.ts";
import type { MemberRow, UserRow, WorkspaceRow } from "../rows.ts";
import type { Role } from "../types.ts";
import type { World } from "../world.ts";

const SESSION = "session-id";
export const ADMIN_SESSION = "admin-session-id";
export const CSRF = "csrftoken";

export function cookieOf(headers: Headers, name: string): string | undefined {
  const pairs = (headers.get("cookie") ?? "").split("; ").map((pair) => pair.split("="));
  return pairs.find(([each]) => each === name)?.[1];
}

export const setCookie = (name: string, value: string): string => `${name}=${value}; HttpOnly; Path=/; SameSite=Lax`;

export const sessionUser = (world: World, headers: Headers, cookie = SESSION): UserRow | undefined => {
  const id = world.data.sessions.get(`${cookie}:${cookieOf(headers, cookie) ?? ""}`);
  return id === undefined ? undefined : userOf(world, id);
};

/** A new session of this user: the cookie to set. */
export function openSession(world: World, user: UserRow, headers: Headers, cookie = SESSION): string {
  const key = world.newId().replaceAll("-", "");
  world.data.sessions.set(`${cookie}:${key}`, user.id);
  user.last_login = world.stamp();
  user.last_login_uagent = headers.get("user-agent") ?? "";
  return setCookie(cookie, key);
}

/** What the browser uses: a session cookie. `allow` as Plane sends it. */
export const sessionDoor = (allow: string): Door => ({
  allow,
  identify(call) {
    const user = sessionUser(call.world, call.headers);
    if (!user) throw unauthenticated();
    return user;
  },
});

export const openDoor = (allow: string): Door => ({ allow, identify: () => undefined });

export function readerOf(call: Call): UserRow {
  if (!call.reader) throw unauthenticated();
  return call.reader;
}

/** The workspace of the path, for whoever has at least this role in it. */
export function workspaceFor(call: Call, least: Role): WorkspaceRow {
  const workspace = workspaceBySlug(call.world, call.params["slug"] ?? "");
  const member: MemberRow | undefined = workspace && memberOf(call.world, workspace.id, readerOf(call).id);
  if (!workspace || !member || member.role < least)
    throw new Refusal(403, { error: "You don't have the required permissions." });
  return workspace;
}

/** Members of the project of the path who may edit. */
export function projectEditor(call: Call): void {
  const member = projectMemberOf(call.world, call.params["projectId"] ?? "", readerOf(call).id);
  if (!member) throw appNotFound();
  if (member.role < 15) throw new Refusal(403, { error: "You don't have the required permissions." });
}
