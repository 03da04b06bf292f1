import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import type { JsonObject, MemberRow, TokenRow, UserRow, WorkspaceRow } from "./rows.ts";
import type { Id, MemberRole } from "./types.ts";
import { createRow, type PlaneWorld, sortNewestFirst, toHex } from "./world.ts";

/** Admin, member, guest. */
export const MEMBER_ROLES: readonly MemberRole[] = [20, 15, 5];

export interface NewUser {
  email: string;
  password?: string;
  first_name?: string;
  last_name?: string;
  display_name?: string;
  user_timezone?: string;
  is_bot?: boolean;
}

export function createUser(world: PlaneWorld, user: NewUser): UserRow {
  const row: UserRow = {
    ...createRow(world, null),
    email: user.email,
    password: user.password ?? "",
    first_name: user.first_name ?? "",
    last_name: user.last_name ?? "",
    display_name: user.display_name ?? user.email.split("@")[0] ?? user.email,
    user_timezone: user.user_timezone ?? "UTC",
    username: toHex(world.newId()),
    is_bot: user.is_bot ?? false,
    token: toHex(world.newId()) + toHex(world.newId()),
    token_updated_at: null,
    date_joined: world.stamp(),
    last_login: world.stamp(),
    last_login_uagent: "",
    profile: { id: world.newId(), created_at: world.stamp(), updated_at: world.stamp(), set: {} },
  };
  world.data.users.set(row.id, row);
  return row;
}

export const findUserByEmail = (world: PlaneWorld, email: string): UserRow | undefined =>
  [...world.data.users.values()].find((user) => user.email.toLowerCase() === email.toLowerCase());

export function getUser(world: PlaneWorld, id: Id): UserRow {
  const user = world.data.users.get(id);
  if (!user) throw createNotFoundError();
  return user;
}

/** Renders a user as Plane embeds one in other objects. */
export const renderUserLite = (user: UserRow): JsonObject => ({
  id: user.id,
  first_name: user.first_name,
  last_name: user.last_name,
  email: user.email,
  avatar: "",
  avatar_url: null,
  display_name: user.display_name,
});

export const renderUserLiteById = (world: PlaneWorld, id: Id): JsonObject => renderUserLite(getUser(world, id));

export const findWorkspace = (world: PlaneWorld, slug: string): WorkspaceRow | undefined =>
  [...world.data.workspaces.values()].find((workspace) => workspace.slug === slug);

/** Creates a workspace whose members are its owner and the bot account that Plane adds to every workspace. */
export function createWorkspace(
  world: PlaneWorld,
  workspace: { slug: string; name: string; organization_size?: string },
  owner: UserRow | undefined,
): WorkspaceRow {
  if (findWorkspace(world, workspace.slug))
    throw new PlaneApiError(400, { slug: ["Workspace with this slug already exists."] });
  const base = createRow(world, owner?.id ?? null);
  const bot = createUser(world, {
    email: `bot_user_${base.id}@plane.so`,
    first_name: "Plane",
    display_name: "Plane",
    is_bot: true,
  });
  const row: WorkspaceRow = {
    ...base,
    slug: workspace.slug,
    name: workspace.name,
    organization_size: workspace.organization_size ?? "2-10",
    timezone: "UTC",
    owner: owner?.id ?? bot.id,
  };
  world.data.workspaces.set(row.id, row);
  if (owner) addMember(world, row.id, owner.id, 20, owner.id, "");
  addMember(world, row.id, bot.id, 20, null, "");
  return row;
}

export function addMember(
  world: PlaneWorld,
  workspace: Id,
  member: Id,
  role: MemberRole,
  by: Id | null,
  company_role: string | null = null,
): MemberRow {
  const existing = listMembers(world, workspace).find((row) => row.member === member);
  if (existing) {
    existing.role = role;
    delete existing.removed;
    return existing;
  }
  const row: MemberRow = { ...createRow(world, by), workspace, member, role, company_role };
  world.data.members.set(row.id, row);
  return row;
}

/** Finds the membership of a user who has access to the workspace. */
export const findMember = (world: PlaneWorld, workspace: Id, member: Id): MemberRow | undefined =>
  [...world.data.members.values()].find((row) => row.workspace === workspace && row.member === member && !row.removed);

/** Lists all memberships, also those that have ended. */
export const listMembers = (world: PlaneWorld, workspace: Id): MemberRow[] =>
  sortNewestFirst([...world.data.members.values()].filter((row) => row.workspace === workspace));

/** Counts the members without Plane's bot account. */
export const countHumans = (world: PlaneWorld, workspace: Id): number =>
  listMembers(world, workspace).filter((row) => !row.removed && !getUser(world, row.member).is_bot).length;

export function createToken(
  world: PlaneWorld,
  user: UserRow,
  label: string,
  description = "",
  token = `plane_api_${toHex(world.newId())}`,
): TokenRow {
  const row: TokenRow = { ...createRow(world, user.id), token, label, description, user: user.id };
  world.data.tokens.set(row.id, row);
  return row;
}

export const findToken = (world: PlaneWorld, token: string): TokenRow | undefined =>
  [...world.data.tokens.values()].find((row) => row.token === token);
