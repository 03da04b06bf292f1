import { PlaneApiError } from "../api-error.ts";
import { type EndpointCall, getReader, mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import { findMember, MEMBER_ROLES } from "../people.ts";
import { addProjectMember, findProjectMember, listProjectMembers } from "../projects.ts";
import type { JsonObject, ProjectMemberRow } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { createSessionPolicy, requireWorkspaceRole } from "./access.ts";

const renderProjectMember = ({ id, member, role }: ProjectMemberRow): JsonObject => ({ id, member, role });

/** Throws unless the reader is an admin of the path's project, or a member of it and an admin of the workspace. */
function requireProjectAdmin(call: EndpointCall): void {
  const workspace = requireWorkspaceRole(call, 5);
  const own = findProjectMember(call.world, call.params["projectId"] ?? "", getReader(call).id);
  const isWorkspaceAdmin = findMember(call.world, workspace.id, getReader(call).id)?.role === 20;
  if (own?.role !== 20 && !(own && isWorkspaceAdmin))
    throw new PlaneApiError(403, { error: "You don't have the required permissions." });
}

/** Mounts the list of those who have access to a project, and the endpoint that adds members or brings them back. */
export function mountProjectMemberRoutes(app: PlaneApp, world: PlaneWorld): void {
  const path = "/api/workspaces/:slug/projects/:projectId/members/";
  mountEndpoint(app, world, createSessionPolicy("GET, POST, HEAD, OPTIONS"), path, {
    GET: (call) => {
      requireWorkspaceRole(call, 5);
      const project = call.params["projectId"] ?? "";
      if (!findProjectMember(world, project, getReader(call).id))
        throw new PlaneApiError(403, { error: "You don't have the required permissions." });
      return respondOk(
        listProjectMembers(world, project)
          .filter((row) => !row.removed && !world.data.users.get(row.member)?.is_bot)
          .map(renderProjectMember),
      );
    },
    POST: async (call) => {
      requireProjectAdmin(call);
      const workspace = requireWorkspaceRole(call, 5);
      const { members } = await call.json();
      if (!Array.isArray(members) || members.length === 0)
        throw new PlaneApiError(400, { error: "At least one member is required" });
      const rows = members.map((entry) => {
        const { member_id, role } = entry as JsonObject;
        const member = findMember(world, workspace.id, String(member_id));
        const knownRole = MEMBER_ROLES.find((known) => known === role);
        if (!member || !knownRole) throw new PlaneApiError(400, { error: "The required object does not exist." });
        if (member.role === 20 && knownRole !== 20)
          throw new PlaneApiError(400, { error: "You cannot add a user with role lower than the workspace role" });
        return addProjectMember(world, call.params["projectId"] ?? "", member.member, knownRole);
      });
      return respondCreated(rows.map(renderProjectMember));
    },
  });
}
