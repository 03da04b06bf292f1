import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createForbiddenError, createNotFoundError, createUnauthenticatedError, PlaneApiError } from "../api-error.ts";
import { type AccessPolicy, type EndpointCall, getReader } from "../endpoint.ts";
import { findMember, findToken, findWorkspace, getUser } from "../people.ts";
import { findProjectMember, getProject } from "../projects.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { ProjectRow, WorkspaceRow } from "../rows.ts";
import type { MemberRole } from "../types.ts";

type PermissionCheck = (call: EndpointCall, method: string) => void;

/** The door of `/api/v1`: an API key, so many requests a minute. */
export const createApiKeyPolicy = (limiter: RateLimiter, checkPermission?: PermissionCheck): AccessPolicy => ({
  limiter,
  ...omitUndefined({ checkPermission }),
  identify(call) {
    const key = call.headers.get("x-api-key");
    if (!key) throw createUnauthenticatedError();
    const token = findToken(call.world, key);
    if (!token) throw new PlaneApiError(403, { detail: "Given API token is not valid" });
    return getUser(call.world, token.user);
  },
});

/** An unknown workspace is refused, not missing: its members are looked for first. */
export function getPathWorkspace(call: EndpointCall): WorkspaceRow {
  const workspace = findWorkspace(call.world, call.params["slug"] ?? "");
  if (!workspace) throw createForbiddenError();
  return workspace;
}

export function getPathProject(call: EndpointCall): ProjectRow {
  const project = getProject(call.world, call.params["projectId"] ?? "");
  if (project.workspace !== getPathWorkspace(call).id) throw createNotFoundError();
  return project;
}

const findWorkspaceRole = (call: EndpointCall): MemberRole | undefined =>
  findMember(call.world, getPathWorkspace(call).id, getReader(call).id)?.role;

const findProjectRole = (call: EndpointCall): MemberRole | undefined => {
  getPathWorkspace(call);
  return findProjectMember(call.world, call.params["projectId"] ?? "", getReader(call).id)?.role;
};

/** Members of the workspace; more than guests to create. */
export const requireWorkspaceMember: PermissionCheck = (call, method) => {
  const role = findWorkspaceRole(call);
  if (!role || (method !== "GET" && (method !== "POST" || role < 15))) throw createForbiddenError();
};

/** The project itself: members of the workspace read, its admins (or the workspace's, when they belong to it) change. */
export const requireProjectAdmin: PermissionCheck = (call, method) => {
  const role = findWorkspaceRole(call);
  if (!role) throw createForbiddenError();
  if (method === "GET") return;
  const ownRole = findProjectRole(call);
  if (ownRole !== 20 && !(ownRole && role === 20)) throw createForbiddenError();
};

/** What is in a project: members read, guests no more than that. */
export const requireProjectMember: PermissionCheck = (call, method) => {
  const role = findProjectRole(call);
  if (!role || (method !== "GET" && role < 15)) throw createForbiddenError();
};

/** Comments and links: guests write, too. */
export const requireAnyProjectRole: PermissionCheck = (call) => {
  if (!findProjectRole(call)) throw createForbiddenError();
};
