import { createHmac } from "node:crypto";
import { createAppNotFoundError } from "./api-error.ts";
import { addMember, getUser } from "./people.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "./render-row.ts";
import type { InvitationRow, JsonObject, UserRow, WorkspaceRow } from "./rows.ts";
import type { Id, MemberRole } from "./types.ts";
import type { InviteTask } from "./worker-tasks.ts";
import { createRow, enqueueTasks, type PlaneWorld } from "./world.ts";

const base64url = (text: string): string => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function createInvitationToken(world: PlaneWorld, email: string, role: MemberRole): string {
  const head = base64url(JSON.stringify({ alg: "HS256", typ: "JWT" }));
  const body = base64url(JSON.stringify({ email: { email, role }, timestamp: world.clock() / 1000 }));
  const tail = createHmac("sha256", world.instance.id).update(`${head}.${body}`).digest("base64url");
  return `${head}.${body}.${tail}`;
}

export function createInvitation(
  world: PlaneWorld,
  workspace: WorkspaceRow,
  email: string,
  role: MemberRole,
  by: Id,
): InvitationRow {
  const row: InvitationRow = {
    ...createRow(world, by),
    workspace: workspace.id,
    email,
    role,
    token: createInvitationToken(world, email, role),
    message: null,
    accepted: false,
  };
  world.data.invitations.set(row.id, row);
  enqueueTasks(world, { kind: "invite", invitation: row.id, inviter: by });
  return row;
}

/** Runs the worker's task: stores the mail's text and saves the invitation, which clears its author as Plane does. */
export function writeInvitationMail(world: PlaneWorld, task: InviteTask): void {
  const row = world.data.invitations.get(task.invitation);
  const workspace = row && world.data.workspaces.get(row.workspace);
  if (!workspace) return;
  const inviter = getUser(world, task.inviter);
  const link = `${world.baseUrl()}${formatInvitationLink(world, row)}`;
  row.message = `\n\n${inviter.first_name} invited you to ${workspace.name} on Plane\n\n${link}\n\n`;
  row.created_by = null;
  row.updated_by = null;
  row.updated_at = world.stamp();
}

const formatInvitationLink = (world: PlaneWorld, row: InvitationRow): string =>
  `/workspace-invitations/?invitation_id=${row.id}&slug=${world.data.workspaces.get(row.workspace)?.slug ?? ""}&token=${row.token}`;

/** Adds the user to the workspace and deletes the invitation. */
export function acceptInvitation(world: PlaneWorld, id: Id, user: UserRow): void {
  const row = world.data.invitations.get(id);
  if (!row || row.email !== user.email) throw createAppNotFoundError();
  world.data.invitations.delete(id);
  addMember(world, row.workspace, user.id, row.role, user.id);
}

export const findInvitations = (world: PlaneWorld, email: string): InvitationRow[] =>
  [...world.data.invitations.values()].filter((row) => row.email === email);

export function renderInvitation(world: PlaneWorld, row: InvitationRow, formatTime: TimeFormatter): JsonObject {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  const workspace = world.data.workspaces.get(row.workspace);
  return {
    id,
    workspace: workspace ? { name: workspace.name, slug: workspace.slug, id: workspace.id, logo_url: null } : null,
    invite_link: formatInvitationLink(world, row),
    ...times,
    email: row.email,
    accepted: row.accepted,
    token: row.token,
    message: row.message,
    responded_at: null,
    role: row.role,
    ...renderAuthorColumns(row),
  };
}
