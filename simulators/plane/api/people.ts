import { createForbiddenError, PlaneApiError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import { renderInvitation } from "../invitations.ts";
import { findMember, getUser, listMembers, MEMBER_ROLES, renderUserLite, renderUserLiteById } from "../people.ts";
import { addProjectMember, listProjectMembers } from "../projects.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { type PlaneWorld, sortNewestFirst } from "../world.ts";
import {
  createApiKeyPolicy,
  getPathProject,
  getPathWorkspace,
  requireProjectMember,
  requireWorkspaceMember,
} from "./access.ts";

export function mountPeopleRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  mountEndpoint(app, world, createApiKeyPolicy(limiter), "/api/v1/users/me/", {
    GET: (call) => respondOk(renderUserLite(getReader(call))),
  });

  mountEndpoint(app, world, createApiKeyPolicy(limiter, requireWorkspaceMember), "/api/v1/workspaces/:slug/members/", {
    GET: (call) =>
      respondOk(
        listMembers(world, getPathWorkspace(call).id).map((row) => ({
          ...renderUserLiteById(world, row.member),
          role: row.role,
        })),
      ),
  });

  // Plane applies no rate limit to this endpoint.
  const unlimited = {
    ...createApiKeyPolicy(limiter, requireWorkspaceMember),
    limiter: undefined,
    allow: "GET, POST, HEAD, OPTIONS",
  };
  mountEndpoint(app, world, unlimited, "/api/v1/workspaces/:slug/invitations/", {
    GET: (call) => {
      if (findMember(world, getPathWorkspace(call).id, getReader(call).id)?.role !== 20) throw createForbiddenError();
      const rows = [...world.data.invitations.values()].filter((row) => row.workspace === getPathWorkspace(call).id);
      return respondOk(sortNewestFirst(rows).map((row) => renderInvitation(world, row, call.formatTime)));
    },
  });

  for (const name of ["members", "project-members"]) {
    mountEndpoint(
      app,
      world,
      createApiKeyPolicy(limiter, requireProjectMember),
      `/api/v1/workspaces/:slug/projects/:projectId/${name}/`,
      {
        GET: (call) =>
          respondOk(
            listProjectMembers(world, getPathProject(call).id).map((row) => renderUserLite(getUser(world, row.member))),
          ),
        POST: async (call) => {
          const { member, role = 5 } = await call.json();
          const knownRole = MEMBER_ROLES.find((name) => name === role);
          if (!knownRole) throw new PlaneApiError(400, { role: [`"${role}" is not a valid choice.`] });
          if (typeof member !== "string" || !findMember(world, getPathWorkspace(call).id, member))
            throw new PlaneApiError(400, { member: ["Invalid member"] });
          const project = getPathProject(call).id;
          // The row of a removed member is unique too, and this endpoint does not bring it back.
          if (listProjectMembers(world, project).some((row) => row.member === member && row.removed))
            throw new PlaneApiError(400, { error: "The payload is not valid" });
          const row = addProjectMember(world, project, member, knownRole);
          return respondCreated({ id: row.id, member: row.member, role: row.role });
        },
      },
    );
  }
}
