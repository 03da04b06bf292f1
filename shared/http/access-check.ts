import type { Context } from "hono";
import type { Deps, Route } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { createTokenCheck } from "../hashing/token-check.ts";
import { isLoopbackAddress } from "../ip-address.ts";
import { findTicketOfToken, isRunToken } from "../tickets/run-token.ts";
import type { Ticket } from "../tickets/ticket.ts";
import type { Caller } from "../work/context/caller.ts";
import { createCallerLookup } from "./caller-lookup.ts";
import { createPageSessions } from "./page-sessions.ts";
import type { RefusalLimiter } from "./refusal-limiter.ts";
import { createSessionCookie } from "./session-cookie.ts";

type ProtectedAccess = Exclude<Route["access"], "public">;

const REQUIRED_TOKEN: Record<ProtectedAccess, string> = {
  tick: "TICK_TOKEN or ADMIN_TOKEN",
  admin: "ADMIN_TOKEN",
  page: "ADMIN_TOKEN",
  agent: "an agent's bridge token (AGENT_TOKEN_<AGENT>)",
  runner: "RUNNER_TOKEN",
};

/** What a valid token with the wrong access is meant for; part of the error message. */
const TOKEN_PURPOSE = {
  admin: "ADMIN_TOKEN is for people",
  tick: "TICK_TOKEN is for /ticks only",
  agent: "a bridge token is for /mcp and /agent only",
  runner: "RUNNER_TOKEN is for /api/runner only",
  session: "GROUNDCREW_TOKEN of a session is for its own ticket at /mcp and /agent only",
};

/**
 * Creates the check of a route's access: `tick` accepts TICK_TOKEN and ADMIN_TOKEN, `admin` accepts ADMIN_TOKEN, `page`
 * accepts ADMIN_TOKEN and the session cookie of a page that signed in, `agent` accepts a bridge token or the token of a
 * ticket's present run, whose agent or session becomes the request's caller, `runner` accepts RUNNER_TOKEN. Throws
 * `unauthorized`, `rate_limited` or `forbidden` for every other request.
 * @param unknownTokens counts requests with an unknown token; a valid token passes whatever was counted
 */
export function createAccessCheck(
  { settings, store }: Pick<Deps, "settings" | "store">,
  requiredAccess: ProtectedAccess,
  unknownTokens: RefusalLimiter,
) {
  const isAdmin = createTokenCheck(settings.adminTokens);
  const isTick = createTokenCheck(settings.tickTokens);
  const isRunner = createTokenCheck(settings.runnerTokens);
  const findCaller = createCallerLookup(settings.agentTokens);
  const cookie = createSessionCookie(settings);
  const sessions = createPageSessions(store, settings);

  async function findHolder(token: string) {
    const [admin, tick, runner, caller] = await Promise.all([
      isAdmin(token),
      isTick(token),
      isRunner(token),
      findCaller(token),
    ]);
    if (caller && !admin && !tick) return { kind: "agent", caller } as const;
    if (runner && !admin && !tick) return { kind: "runner" } as const;
    if (admin || tick) return { kind: admin ? "admin" : "tick" } as const;
    const ticket = isRunToken(token) ? await findTicketOfToken({ store }, token) : undefined;
    return ticket && ({ kind: "session", caller: toSessionCaller(ticket) } as const);
  }

  return async (c: Context): Promise<void> => {
    // On this machine the demo needs no token, except for agents and runners: their tokens say what a program may do.
    if (
      settings.demo &&
      requiredAccess !== "agent" &&
      requiredAccess !== "runner" &&
      isLoopbackAddress(c.get("client"))
    )
      return;
    const session = requiredAccess === "page" ? cookie.read(c) : undefined;
    if (session !== undefined && (await sessions.isOpen(session))) return;
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const tokenHolder = token === undefined ? undefined : await findHolder(token);
    if (!tokenHolder) {
      const refusal = createUnauthorizedError(c, requiredAccess, token);
      throw token === undefined ? refusal : unknownTokens.countRefusal(c, refusal);
    }
    if (requiredAccess === "agent") {
      if (tokenHolder.kind !== "agent" && tokenHolder.kind !== "session")
        throw createForbiddenError(requiredAccess, tokenHolder.kind);
      c.set("caller", tokenHolder.caller);
      return;
    }
    if (requiredAccess === "runner") {
      if (tokenHolder.kind !== "runner") throw createForbiddenError(requiredAccess, tokenHolder.kind);
      return;
    }
    if (tokenHolder.kind === "admin" || (tokenHolder.kind === "tick" && requiredAccess === "tick")) return;
    throw createForbiddenError(requiredAccess, tokenHolder.kind);
  };
}

/** The session of a ticket as a caller, with the name of its terminal by default. */
function toSessionCaller({ key, item }: Ticket): Caller {
  return { name: `claude-${key}`, role: "session", ticket: { key, item: item.id } };
}

function createUnauthorizedError(
  c: Context,
  requiredAccess: ProtectedAccess,
  token: string | undefined,
): GroundcrewError {
  c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
  const unknown = isRunToken(token ?? "") ? "The run of this token is not wanted any more" : "The token is unknown";
  const problem = token === undefined ? "A token is required" : unknown;
  return new GroundcrewError(
    "unauthorized",
    `${problem}: send ${REQUIRED_TOKEN[requiredAccess]} as \`Authorization: Bearer …\`.`,
  );
}

function createForbiddenError(requiredAccess: ProtectedAccess, kind: keyof typeof TOKEN_PURPOSE): GroundcrewError {
  return new GroundcrewError("forbidden", `This requires ${REQUIRED_TOKEN[requiredAccess]}; ${TOKEN_PURPOSE[kind]}.`);
}
