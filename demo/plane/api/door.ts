import type { Call, Door } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import { memberOf, tokenBySecret, userOf, workspaceBySlug } from "../people.ts";
import { projectMemberOf, projectOf } from "../projects.ts";
import { forbidden, notFound, Refusal, unauthenticated } from "../refusal.ts";
import type { ProjectRow, UserRow, WorkspaceRow } from "../rows.ts";
import type { Role } from "../types.ts";

type Permit = (call: Call, method: string) => void;

/** The door of `/api/v1`: an API key, so many requests a minute. */
export const keyDoor = (limiter: Limiter, permit?: Permit): Door => ({
  limiter,
  ...(permit && { permit }),
  identify(call) {
    const key = call.headers.get("x-api-key");
    if (!key) throw unauthenticated();
    const token = tokenBySecret(call.world, key);
    if (!token) throw new Refusal(403, { detail: "Given API token is not valid" });
    return userOf(call.world, token.user);
  },
});

/** Whoever asks; the door has let nobody in who is nobody. */
export function readerOf(call: Call): UserRow {
  if (!call.reader) throw unauthenticated();
  return call.reader;
}

/** An unknown workspace is refused, not missing: its members are looked for first. */
export function workspaceOf(call: Call): WorkspaceRow {
  const workspace = workspaceBySlug(call.world, call.params["slug"] ?? "");
  if (!workspace) throw forbidden();
  return workspace;
}

export function projectIn(call: Call): ProjectRow {
  const project = projectOf(call.world, call.params["projectId"] ?? "");
  if (project.workspace !== workspaceOf(call).id) throw notFound();
  return project;
}

const workspaceRole = (call: Call): Role | undefined =>
  memberOf(call.world, workspaceOf(call).id, readerOf(call).id)?.role;

const projectRole = (call: Call): Role | undefined => {
  workspaceOf(call);
  return projectMemberOf(call.world, call.params["projectId"] ?? "", readerOf(call).id)?.role;
};

/** Members of the workspace; more than guests to create. */
export const workspaceMembers: Permit = (call, method) => {
  const role = workspaceRole(call);
  if (!role || (method !== "GET" && (method !== "POST" || role < 15))) throw forbidden();
};

/** The project itself: members of the workspace read, its admins (or the workspace's, when they belong to it) change. */
export const projectKeepers: Permit = (call, method) => {
  const role = workspaceRole(call);
  if (!role) throw forbidden();
  if (method === "GET") return;
  const own = projectRole(call);
  if (own !== 20 && !(own && role === 20)) throw forbidden();
};

/** What is in a project: members read, guests no more than that. */
export const projectMembersOnly: Permit = (call, method) => {
  const role = projectRole(call);
  if (!role || (method !== "GET" && role < 15)) throw forbidden();
};

/** Comments and links: guests write, too. */
export const anyProjectMember: Permit = (call) => {
  if (!projectRole(call)) throw forbidden();
};
