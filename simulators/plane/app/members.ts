import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createAppNotFoundError, PlaneApiError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondNoContent, respondOk } from "../endpoint.ts";
import { createInvitation, renderInvitation } from "../invitations.ts";
import { findMember, findUserByEmail, getUser, listMembers, MEMBER_ROLES } from "../people.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "../render-row.ts";
import type { JsonObject, MemberRow } from "../rows.ts";
import { type PlaneWorld, sortNewestFirst, touchRow } from "../world.ts";
import { createSessionPolicy, requireWorkspaceRole } from "./access.ts";

const FILTERS = {
  state: null,
  labels: null,
  priority: null,
  assignees: null,
  created_by: null,
  start_date: null,
  subscriber: null,
  state_group: null,
  target_date: null,
};
const DISPLAY = {
  type: null,
  layout: "list",
  group_by: null,
  order_by: "-created_at",
  sub_issue: true,
  show_empty_groups: true,
  calendar_date_range: "",
};
const PROPERTIES = {
  key: true,
  link: true,
  state: true,
  labels: true,
  assignee: true,
  due_date: true,
  estimate: true,
  priority: true,
  created_on: true,
  start_date: true,
  updated_on: true,
  sub_issue_count: true,
  attachment_count: true,
};
const VIEW = { filters: FILTERS, display_filters: DISPLAY, display_properties: PROPERTIES };

/** Renders a member. Lists contain the e-mail address, the answer to an edit does not. */
function renderMember(world: PlaneWorld, row: MemberRow, formatTime: TimeFormatter, withAddress: boolean): JsonObject {
  const user = getUser(world, row.member);
  const { id, ...times } = renderBaseColumns(row, formatTime);
  return {
    id,
    member: {
      id: user.id,
      first_name: user.first_name,
      last_name: user.last_name,
      avatar: "",
      avatar_url: null,
      is_bot: user.is_bot,
      display_name: user.display_name,
      ...omitUndefined({
        email: withAddress ? user.email : undefined,
        last_login_medium: withAddress ? "email" : undefined,
      }),
    },
    ...times,
    role: row.role,
    company_role: row.company_role,
    view_props: VIEW,
    default_props: VIEW,
    issue_props: { created: true, assigned: true, all_issues: true, subscribed: true },
    is_active: true,
    getting_started_checklist: {},
    tips: {},
    explored_features: {},
    ...renderAuthorColumns(row),
    workspace: row.workspace,
  };
}

export function mountMemberRoutes(app: PlaneApp, world: PlaneWorld): void {
  const root = "/api/workspaces/:slug/";
  mountEndpoint(app, world, createSessionPolicy("GET, HEAD, OPTIONS"), `${root}members/`, {
    GET: (call) => {
      const workspace = requireWorkspaceRole(call, 5);
      return respondOk(
        listMembers(world, workspace.id)
          .filter((row) => !row.removed)
          .map((row) => renderMember(world, row, call.formatTime, true)),
      );
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, PATCH, DELETE, HEAD, OPTIONS"), `${root}members/:memberId/`, {
    PATCH: async (call) => {
      const workspace = requireWorkspaceRole(call, 20);
      const row = world.data.members.get(call.params["memberId"] ?? "");
      if (row?.workspace !== workspace.id) throw createAppNotFoundError();
      if (row.member === getReader(call).id) throw new PlaneApiError(400, { error: "You cannot update your own role" });
      const { role } = await call.json();
      const knownRole = MEMBER_ROLES.find((name) => name === role);
      if (!knownRole) throw new PlaneApiError(400, { role: [`"${String(role)}" is not a valid choice.`] });
      row.role = knownRole;
      touchRow(world, row, getReader(call).id);
      return respondOk(renderMember(world, row, call.formatTime, false));
    },
    // Read in Plane's source: also ends the membership in all projects.
    DELETE: (call) => {
      const workspace = requireWorkspaceRole(call, 20);
      const row = world.data.members.get(call.params["memberId"] ?? "");
      if (row?.workspace !== workspace.id || row.removed) throw createAppNotFoundError();
      if (row.member === getReader(call).id)
        throw new PlaneApiError(400, {
          error: "You cannot remove yourself from the workspace. Please use leave workspace",
        });
      row.removed = true;
      for (const each of world.data.projectMembers.values()) if (each.member === row.member) each.removed = true;
      touchRow(world, row, getReader(call).id);
      return respondNoContent();
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, POST, HEAD, OPTIONS"), `${root}invitations/`, {
    GET: (call) => {
      const workspace = requireWorkspaceRole(call, 20);
      const rows = [...world.data.invitations.values()].filter((row) => row.workspace === workspace.id);
      return respondOk(sortNewestFirst(rows).map((row) => renderInvitation(world, row, call.formatTime)));
    },
    POST: async (call) => {
      const workspace = requireWorkspaceRole(call, 20);
      const { emails } = await call.json();
      if (!Array.isArray(emails) || emails.length === 0) throw new PlaneApiError(400, { error: "Emails are required" });
      for (const entry of emails) {
        const invitation: JsonObject =
          typeof entry === "object" && entry !== null && !Array.isArray(entry) ? entry : {};
        const email = String(invitation["email"] ?? "")
          .trim()
          .toLowerCase();
        const user = findUserByEmail(world, email);
        if (user && findMember(world, workspace.id, user.id))
          throw new PlaneApiError(400, { error: "Some users are already member of workspace", workspace_users: [] });
        const role = MEMBER_ROLES.find((known) => known === invitation["role"]) ?? 5;
        createInvitation(world, workspace, email, role, getReader(call).id);
      }
      return respondOk({ message: "Emails sent successfully" });
    },
  });
}
