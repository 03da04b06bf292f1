import type { MiddlewareHandler } from "hono";
import type { Deps, Route } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { isLoopback } from "./address.ts";
import { sessionCookie } from "./cookie.ts";
import { createSessions } from "./session.ts";
import { createTokenCheck } from "./tokens.ts";

/**
 * Lets through who may use a route: anyone, a holder of TICK_TOKEN or ADMIN_TOKEN, or of ADMIN_TOKEN only; to the
 * page's own also a page that has signed in. A cookie opens nothing else.
 */
export function access({ settings, store }: Pick<Deps, "settings" | "store">, needed: Route["access"]) {
  const isAdmin = createTokenCheck(settings.adminTokens);
  const isTick = createTokenCheck(settings.tickTokens);
  const cookie = sessionCookie(settings);
  const sessions = createSessions(store, settings);
  const wanted = needed === "tick" ? "TICK_TOKEN or ADMIN_TOKEN" : "ADMIN_TOKEN";
  const handler: MiddlewareHandler = async (c, next) => {
    if (needed === "public") return next();
    if (settings.demo && isLoopback(c.get("client"))) return next();
    const session = needed === "page" ? cookie.of(c) : undefined;
    if (session !== undefined && (await sessions.isOpen(session))) return next();
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const [admin, tick] = token === undefined ? [false, false] : await Promise.all([isAdmin(token), isTick(token)]);
    if (admin || (tick && needed === "tick")) return next();
    if (tick) throw new GroundcrewError("forbidden", `This needs ADMIN_TOKEN; TICK_TOKEN is for /ticks only.`);
    c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
    const problem = token === undefined ? "This needs a token" : "This token is not known";
    throw new GroundcrewError("unauthorized", `${problem}: send ${wanted} as \`Authorization: Bearer …\`.`);
  };
  return handler;
}
