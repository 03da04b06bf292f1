import { created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import { acceptInvitation, invitationsFor, showInvitation } from "../invitations.ts";
import { createToken, humansIn, memberOf } from "../people.ts";
import { appNotFound, Refusal } from "../refusal.ts";
import type { JsonObject, TokenRow, UserRow } from "../rows.ts";
import { type At, authors, opening } from "../show.ts";
import { isTimeZone } from "../time.ts";
import { hexOf, newestFirst, touch, type World } from "../world.ts";
import { readerOf, sessionDoor } from "./door.ts";
import { showProfile, showUser, showWholeUser } from "./show-user.ts";
import { showWorkspace } from "./workspaces.ts";

const showToken = (row: TokenRow, at: At): JsonObject => {
  const { id, ...times } = opening(row, at);
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
    ...authors(row),
    user: row.user,
    workspace: null,
  };
};

function editUser(world: World, user: UserRow, patch: JsonObject): void {
  const zone = patch["user_timezone"];
  if (typeof zone === "string" && !isTimeZone(zone))
    throw new Refusal(400, { user_timezone: [`"${zone}" is not a valid choice.`] });
  for (const field of ["first_name", "last_name", "display_name", "user_timezone"] as const) {
    const value = patch[field];
    if (typeof value === "string") user[field] = value;
  }
  touch(world, user, null);
  user.token = hexOf(world.newId()) + hexOf(world.newId());
  user.token_updated_at = world.stamp();
}

/** The signed-in user's own affairs. */
export function meRoutes(app: Site, world: World): void {
  endpoint(app, world, sessionDoor("GET, PATCH, DELETE, HEAD, OPTIONS"), "/api/users/me/", {
    GET: (call) => ok(showUser(readerOf(call), call.at)),
    PATCH: async (call) => {
      editUser(world, readerOf(call), await call.json());
      return ok(showWholeUser(readerOf(call), call.at));
    },
  });
  endpoint(app, world, sessionDoor("GET, PATCH, HEAD, OPTIONS"), "/api/users/me/profile/", {
    GET: (call) => ok(showProfile(readerOf(call), call.at)),
    PATCH: async (call) => {
      const { profile } = readerOf(call);
      profile.set = { ...profile.set, ...(await call.json()) };
      profile.updated_at = world.stamp();
      return ok(showProfile(readerOf(call), call.at));
    },
  });
  endpoint(app, world, sessionDoor("GET, HEAD, OPTIONS"), "/api/users/me/workspaces/", {
    GET: (call) => {
      const mine = newestFirst(world.data.workspaces.values()).flatMap((row) => {
        const member = memberOf(world, row.id, readerOf(call).id);
        return member ? [{ row, member }] : [];
      });
      return ok(
        mine.map(({ row, member }) => {
          const { id, ...rest } = showWorkspace(row, call.at);
          return { id, total_members: humansIn(world, row.id), role: member.role, ...rest };
        }),
      );
    },
  });
  endpoint(app, world, sessionDoor("GET, POST, HEAD, OPTIONS"), "/api/users/me/workspaces/invitations/", {
    GET: (call) => ok(invitationsFor(world, readerOf(call).email).map((row) => showInvitation(world, row, call.at))),
    POST: async (call) => {
      const { invitations } = await call.json();
      if (!Array.isArray(invitations)) throw new Refusal(400, { error: "The payload is not valid" });
      for (const id of invitations) acceptInvitation(world, String(id), readerOf(call));
      return empty();
    },
  });

  const tokens = sessionDoor("GET, POST, PATCH, DELETE, HEAD, OPTIONS");
  endpoint(app, world, tokens, "/api/users/api-tokens/", {
    GET: (call) => {
      const mine = [...world.data.tokens.values()].filter((row) => row.user === readerOf(call).id);
      return ok(newestFirst(mine).map((row) => showToken(row, call.at)));
    },
    POST: async (call) => {
      const { label, description } = await call.json();
      const name = typeof label === "string" ? label : hexOf(world.newId());
      const row = createToken(world, readerOf(call), name, typeof description === "string" ? description : "");
      // The only time the secret is told.
      return created({ ...showToken(row, call.at), token: row.token });
    },
  });
  const tokenIn = (call: { params: Record<string, string>; reader: UserRow | undefined }): TokenRow => {
    const row = world.data.tokens.get(call.params["tokenId"] ?? "");
    if (!row || row.user !== call.reader?.id) throw appNotFound();
    return row;
  };
  endpoint(app, world, tokens, "/api/users/api-tokens/:tokenId/", {
    GET: (call) => ok(showToken(tokenIn(call), call.at)),
    DELETE: (call) => {
      world.data.tokens.delete(tokenIn(call).id);
      return empty();
    },
  });
}
