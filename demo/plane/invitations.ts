import { createHmac } from "node:crypto";
import { addMember, userOf } from "./people.ts";
import { appNotFound } from "./refusal.ts";
import type { InvitationRow, JsonObject, UserRow, WorkspaceRow } from "./rows.ts";
import { type At, authors, opening } from "./show.ts";
import type { Id, Role } from "./types.ts";
import { type InviteTask, later, newRow, type World } from "./world.ts";

const base64url = (text: string): string => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function tokenFor(world: World, email: string, role: Role): string {
  const head = base64url(JSON.stringify({ alg: "HS256", typ: "JWT" }));
  const body = base64url(JSON.stringify({ email: { email, role }, timestamp: world.clock() / 1000 }));
  const tail = createHmac("sha256", world.instance.id).update(`${head}.${body}`).digest("base64url");
  return `${head}.${body}.${tail}`;
}

export function invite(world: World, workspace: WorkspaceRow, email: string, role: Role, by: Id): InvitationRow {
  const row: InvitationRow = {
    ...newRow(world, by),
    workspace: workspace.id,
    email,
    role,
    token: tokenFor(world, email, role),
    message: null,
    accepted: false,
  };
  world.data.invitations.set(row.id, row);
  later(world, { kind: "invite", invitation: row.id, inviter: by });
  return row;
}

/** The worker writes the mail down and saves the invitation as nobody. */
export function writeInvitation(world: World, task: InviteTask): void {
  const row = world.data.invitations.get(task.invitation);
  const workspace = row && world.data.workspaces.get(row.workspace);
  if (!workspace) return;
  const inviter = userOf(world, task.inviter);
  const link = `${world.site()}${linkOf(world, row)}`;
  row.message = `\n\n${inviter.first_name} invited you to ${workspace.name} on Plane\n\n${link}\n\n`;
  row.created_by = null;
  row.updated_by = null;
  row.updated_at = world.stamp();
}

const linkOf = (world: World, row: InvitationRow): string =>
  `/workspace-invitations/?invitation_id=${row.id}&slug=${world.data.workspaces.get(row.workspace)?.slug ?? ""}&token=${row.token}`;

/** Joining uses the invitation up. */
export function acceptInvitation(world: World, id: Id, user: UserRow): void {
  const row = world.data.invitations.get(id);
  if (!row || row.email !== user.email) throw appNotFound();
  world.data.invitations.delete(id);
  addMember(world, row.workspace, user.id, row.role, user.id);
}

export const invitationsFor = (world: World, email: string): InvitationRow[] =>
  [...world.data.invitations.values()].filter((row) => row.email === email);

export function showInvitation(world: World, row: InvitationRow, at: At): JsonObject {
  const { id, ...times } = opening(row, at);
  const workspace = world.data.workspaces.get(row.workspace);
  return {
    id,
    workspace: workspace ? { name: workspace.name, slug: workspace.slug, id: workspace.id, logo_url: null } : null,
    invite_link: linkOf(world, row),
    ...times,
    email: row.email,
    accepted: row.accepted,
    token: row.token,
    message: row.message,
    responded_at: null,
    role: row.role,
    ...authors(row),
  };
}
