import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createForbiddenError, createNotFoundError, createUnauthenticatedError, PlaneApiError } from "../api-error.ts";
import { type AccessPolicy, type EndpointCall, getReader } from "../endpoint.ts";
import { findMember, findToken, findWorkspace, getUser } from "../people.ts";
import { findProjectMember, getProject } from "../projects.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { ProjectRow, WorkspaceRow } from "../rows.ts";
import type { MemberRole } from "../types.ts";

type PermissionCheck = (call: EndpointCall, method: string) => void;

/** The access policy of `/api/v1`: an API key with a rate limit. */
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

/** Plane answers 403 for an unknown workspace, because it looks for the membership first. */
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

/** Members of the workspace read; those who are more than guests also create. */
export const requireWorkspaceMember: PermissionCheck = (call, method) => {
  const role = findWorkspaceRole(call);
  if (!role || (method !== "GET" && (method !== "POST" || role < 15))) throw createForbiddenError();
};

/**
 * For a project itself: members of the workspace read; project admins, and workspace admins who are project members,
 * edit.
 */
export const requireProjectAdmin: PermissionCheck = (call, method) => {
  const role = findWorkspaceRole(call);
  if (!role) throw createForbiddenError();
  if (method === "GET") return;
  const ownRole = findProjectRole(call);
  if (ownRole !== 20 && !(ownRole && role === 20)) throw createForbiddenError();
};

/** For the contents of a project: members read, those who are more than guests also write. */
export const requireProjectMember: PermissionCheck = (call, method) => {
  const role = findProjectRole(call);
  if (!role || (method !== "GET" && role < 15)) throw createForbiddenError();
};

/** For comments, links and attachments: every project member writes, guests included. */
export const requireAnyProjectRole: PermissionCheck = (call) => {
  if (!findProjectRole(call)) throw createForbiddenError();
};
