import { endpoint, ok, type Site } from "../endpoint.ts";
import { invite, showInvitation } from "../invitations.ts";
import { memberOf, membersOf, userByEmail, userOf } from "../people.ts";
import { appNotFound, Refusal } from "../refusal.ts";
import type { JsonObject, MemberRow } from "../rows.ts";
import { type At, authors, opening } from "../show.ts";
import type { Role } from "../types.ts";
import { newestFirst, touch, type World } from "../world.ts";
import { readerOf, sessionDoor, workspaceFor } from "./door.ts";

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

/** Lists tell addresses, the answer to an edit does not. */
function showMember(world: World, row: MemberRow, at: At, withAddress: boolean): JsonObject {
  const user = userOf(world, row.member);
  const { id, ...times } = opening(row, at);
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
      ...(withAddress && { email: user.email, last_login_medium: "email" }),
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
    ...authors(row),
    workspace: row.workspace,
  };
}

const ROLES: readonly Role[] = [20, 15, 5];

export function memberRoutes(app: Site, world: World): void {
  const root = "/api/workspaces/:slug/";
  endpoint(app, world, sessionDoor("GET, HEAD, OPTIONS"), `${root}members/`, {
    GET: (call) => {
      const workspace = workspaceFor(call, 5);
      return ok(membersOf(world, workspace.id).map((row) => showMember(world, row, call.at, true)));
    },
  });
  endpoint(app, world, sessionDoor("GET, PATCH, DELETE, HEAD, OPTIONS"), `${root}members/:memberId/`, {
    PATCH: async (call) => {
      const workspace = workspaceFor(call, 20);
      const row = world.data.members.get(call.params["memberId"] ?? "");
      if (row?.workspace !== workspace.id) throw appNotFound();
      if (row.member === readerOf(call).id) throw new Refusal(400, { error: "You cannot update your own role" });
      const { role } = await call.json();
      const known = ROLES.find((each) => each === role);
      if (!known) throw new Refusal(400, { role: [`"${String(role)}" is not a valid choice.`] });
      row.role = known;
      touch(world, row, readerOf(call).id);
      return ok(showMember(world, row, call.at, false));
    },
  });
  endpoint(app, world, sessionDoor("GET, POST, HEAD, OPTIONS"), `${root}invitations/`, {
    GET: (call) => {
      const workspace = workspaceFor(call, 20);
      const rows = [...world.data.invitations.values()].filter((row) => row.workspace === workspace.id);
      return ok(newestFirst(rows).map((row) => showInvitation(world, row, call.at)));
    },
    POST: async (call) => {
      const workspace = workspaceFor(call, 20);
      const { emails } = await call.json();
      if (!Array.isArray(emails) || emails.length === 0) throw new Refusal(400, { error: "Emails are required" });
      for (const each of emails) {
        const given: JsonObject = typeof each === "object" && each !== null && !Array.isArray(each) ? each : {};
        const email = String(given["email"] ?? "")
          .trim()
          .toLowerCase();
        const known = userByEmail(world, email);
        if (known && memberOf(world, workspace.id, known.id))
          throw new Refusal(400, { error: "Some users are already member of workspace", workspace_users: [] });
        const role = ROLES.find((one) => one === given["role"]) ?? 5;
        invite(world, workspace, email, role, readerOf(call).id);
      }
      return ok({ message: "Emails sent successfully" });
    },
  });
}
