import type { Context } from "hono";
import type { Deps, Route } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { isLoopback } from "./address.ts";
import { sessionCookie } from "./cookie.ts";
import { createSessions } from "./session.ts";
import { createCallerCheck, createTokenCheck } from "./tokens.ts";

type Closed = Exclude<Route["access"], "public">;

const WANTED: Record<Closed, string> = {
  tick: "TICK_TOKEN or ADMIN_TOKEN",
  admin: "ADMIN_TOKEN",
  page: "ADMIN_TOKEN",
  agent: "an agent's bridge token (AGENT_TOKEN_<AGENT>)",
};

/** What a token that does not fit is for. */
const MEANT = {
  admin: "ADMIN_TOKEN is for people",
  tick: "TICK_TOKEN is for /ticks only",
  agent: "a bridge token is for /mcp and /agent only",
};

/**
 * Lets through who may use a route: a holder of TICK_TOKEN or ADMIN_TOKEN, of ADMIN_TOKEN only, or an agent with its
 * bridge token, who is then the request's caller; to the page's own also a page that has signed in. A cookie opens
 * nothing else. Throws what anyone else is refused for.
 */
export function access({ settings, store }: Pick<Deps, "settings" | "store">, needed: Closed) {
  const isAdmin = createTokenCheck(settings.adminTokens);
  const isTick = createTokenCheck(settings.tickTokens);
  const callerOf = createCallerCheck(settings.agentTokens);
  const cookie = sessionCookie(settings);
  const sessions = createSessions(store, settings);

  async function holder(token: string) {
    const [admin, tick, caller] = await Promise.all([isAdmin(token), isTick(token), callerOf(token)]);
    if (caller && !admin && !tick) return { kind: "agent", caller } as const;
    return admin ? ({ kind: "admin" } as const) : tick ? ({ kind: "tick" } as const) : undefined;
  }

  return async (c: Context): Promise<void> => {
    // An agent is somebody, also in the demo: only its token says who.
    if (settings.demo && needed !== "agent" && isLoopback(c.get("client"))) return;
    const session = needed === "page" ? cookie.of(c) : undefined;
    if (session !== undefined && (await sessions.isOpen(session))) return;
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const known = token === undefined ? undefined : await holder(token);
    if (!known) throw unknown(c, needed, token);
    if (needed === "agent") {
      if (known.kind !== "agent") throw unfit(needed, known.kind);
      c.set("caller", known.caller);
      return;
    }
    if (known.kind === "admin" || (known.kind === "tick" && needed === "tick")) return;
    throw unfit(needed, known.kind);
  };
}

function unknown(c: Context, needed: Closed, token: string | undefined): GroundcrewError {
  c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
  const problem = token === undefined ? "This needs a token" : "This token is not known";
  return new GroundcrewError("unauthorized", `${problem}: send ${WANTED[needed]} as \`Authorization: Bearer …\`.`);
}

function unfit(needed: Closed, kind: keyof typeof MEANT): GroundcrewError {
  return new GroundcrewError("forbidden", `This needs ${WANTED[needed]}; ${MEANT[kind]}.`);
}
