import { createAppNotFoundError, PlaneApiError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondNoContent, respondOk } from "../endpoint.ts";
import { acceptInvitation, findInvitations, renderInvitation } from "../invitations.ts";
import { countHumans, createToken, findMember } from "../people.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "../render-row.ts";
import type { JsonObject, TokenRow, UserRow } from "../rows.ts";
import { isTimeZone } from "../time.ts";
import { type PlaneWorld, sortNewestFirst, toHex, touchRow } from "../world.ts";
import { createSessionPolicy } from "./access.ts";
import { renderFullUser, renderProfile, renderUser } from "./render-user.ts";
import { renderWorkspace } from "./workspaces.ts";

const renderToken = (row: TokenRow, formatTime: TimeFormatter): JsonObject => {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  return {
    id,
    is_active: true,
    ...times,
    label: row.label,
    description: row.description,
    last_used: null,
    user_type: 0,
    expired_at: null,
    is_service: false,
    allowed_rate_limit: "60/min",
    ...renderAuthorColumns(row),
    user: row.user,
    workspace: null,
  };
};

function editUser(world: PlaneWorld, user: UserRow, patch: JsonObject): void {
  const zone = patch["user_timezone"];
  if (typeof zone === "string" && !isTimeZone(zone))
    throw new PlaneApiError(400, { user_timezone: [`"${zone}" is not a valid choice.`] });
  for (const field of ["first_name", "last_name", "display_name", "user_timezone"] as const) {
    const value = patch[field];
    if (typeof value === "string") user[field] = value;
  }
  touchRow(world, user, null);
  user.token = toHex(world.newId()) + toHex(world.newId());
  user.token_updated_at = world.stamp();
}

/** Mounts the endpoints of the signed-in user: profile, workspaces, invitations, API keys. */
export function mountCurrentUserRoutes(app: PlaneApp, world: PlaneWorld): void {
  mountEndpoint(app, world, createSessionPolicy("GET, PATCH, DELETE, HEAD, OPTIONS"), "/api/users/me/", {
    GET: (call) => respondOk(renderUser(getReader(call), call.formatTime)),
    PATCH: async (call) => {
      editUser(world, getReader(call), await call.json());
      return respondOk(renderFullUser(getReader(call), call.formatTime));
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, PATCH, HEAD, OPTIONS"), "/api/users/me/profile/", {
    GET: (call) => respondOk(renderProfile(getReader(call), call.formatTime)),
    PATCH: async (call) => {
      const { profile } = getReader(call);
      profile.set = { ...profile.set, ...(await call.json()) };
      profile.updated_at = world.stamp();
      return respondOk(renderProfile(getReader(call), call.formatTime));
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, HEAD, OPTIONS"), "/api/users/me/workspaces/", {
    GET: (call) => {
      const mine = sortNewestFirst(world.data.workspaces.values()).flatMap((row) => {
        const member = findMember(world, row.id, getReader(call).id);
        return member ? [{ row, member }] : [];
      });
      return respondOk(
        mine.map(({ row, member }) => {
          const { id, ...rest } = renderWorkspace(row, call.formatTime);
          return { id, total_members: countHumans(world, row.id), role: member.role, ...rest };
        }),
      );
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, POST, HEAD, OPTIONS"), "/api/users/me/workspaces/invitations/", {
    GET: (call) =>
      respondOk(
        findInvitations(world, getReader(call).email).map((row) => renderInvitation(world, row, call.formatTime)),
      ),
    POST: async (call) => {
      const { invitations } = await call.json();
      if (!Array.isArray(invitations)) throw new PlaneApiError(400, { error: "The payload is not valid" });
      for (const id of invitations) acceptInvitation(world, String(id), getReader(call));
      return respondNoContent();
    },
  });

  const tokenPolicy = createSessionPolicy("GET, POST, PATCH, DELETE, HEAD, OPTIONS");
  mountEndpoint(app, world, tokenPolicy, "/api/users/api-tokens/", {
    GET: (call) => {
      const mine = [...world.data.tokens.values()].filter((row) => row.user === getReader(call).id);
      return respondOk(sortNewestFirst(mine).map((row) => renderToken(row, call.formatTime)));
    },
    POST: async (call) => {
      const { label, description } = await call.json();
      const name = typeof label === "string" ? label : toHex(world.newId());
      const row = createToken(world, getReader(call), name, typeof description === "string" ? description : "");
      // Plane shows the key only in this answer.
      return respondCreated({ ...renderToken(row, call.formatTime), token: row.token });
    },
  });
  const getPathToken = (call: { params: Record<string, string>; reader: UserRow | undefined }): TokenRow => {
    const row = world.data.tokens.get(call.params["tokenId"] ?? "");
    if (!row || row.user !== call.reader?.id) throw createAppNotFoundError();
    return row;
  };
  mountEndpoint(app, world, tokenPolicy, "/api/users/api-tokens/:tokenId/", {
    GET: (call) => respondOk(renderToken(getPathToken(call), call.formatTime)),
    DELETE: (call) => {
      world.data.tokens.delete(getPathToken(call).id);
      return respondNoContent();
    },
  });
}
