import { created, endpoint, ok, type Site } from "../endpoint.ts";
import { showInvitation } from "../invitations.ts";
import type { Limiter } from "../limits.ts";
import { memberOf, membersOf, showUserLite, showUserLiteById, userOf } from "../people.ts";
import { addProjectMember, projectMembers } from "../projects.ts";
import { forbidden, Refusal } from "../refusal.ts";
import { newestFirst, type World } from "../world.ts";
import { keyDoor, projectIn, projectMembersOnly, readerOf, workspaceMembers, workspaceOf } from "./door.ts";

const ROLES = [20, 15, 5] as const;

export function peopleRoutes(app: Site, world: World, limiter: Limiter): void {
  endpoint(app, world, keyDoor(limiter), "/api/v1/users/me/", { GET: (call) => ok(showUserLite(readerOf(call))) });

  endpoint(app, world, keyDoor(limiter, workspaceMembers), "/api/v1/workspaces/:slug/members/", {
    GET: (call) =>
      ok(
        membersOf(world, workspaceOf(call).id).map((row) => ({
          ...showUserLiteById(world, row.member),
          role: row.role,
        })),
      ),
  });

  // The one address here that Plane serves without its limiter.
  const unlimited = { ...keyDoor(limiter, workspaceMembers), limiter: undefined, allow: "GET, POST, HEAD, OPTIONS" };
  endpoint(app, world, unlimited, "/api/v1/workspaces/:slug/invitations/", {
    GET: (call) => {
      if (memberOf(world, workspaceOf(call).id, readerOf(call).id)?.role !== 20) throw forbidden();
      const rows = [...world.data.invitations.values()].filter((row) => row.workspace === workspaceOf(call).id);
      return ok(newestFirst(rows).map((row) => showInvitation(world, row, call.at)));
    },
  });

  for (const name of ["members", "project-members"]) {
    endpoint(
      app,
      world,
      keyDoor(limiter, projectMembersOnly),
      `/api/v1/workspaces/:slug/projects/:projectId/${name}/`,
      {
        GET: (call) =>
          ok(projectMembers(world, projectIn(call).id).map((row) => showUserLite(userOf(world, row.member)))),
        POST: async (call) => {
          const { member, role = 5 } = await call.json();
          const known = ROLES.find((each) => each === role);
          if (!known) throw new Refusal(400, { role: [`"${role}" is not a valid choice.`] });
          if (typeof member !== "string" || !memberOf(world, workspaceOf(call).id, member))
            throw new Refusal(400, { member: ["Invalid member"] });
          const row = addProjectMember(world, projectIn(call).id, member, known);
          return created({ id: row.id, member: row.member, role: row.role });
        },
      },
    );
  }
}
