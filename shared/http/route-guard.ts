import type { Context } from "hono";
import type { Deps, Route } from "../app/deps.ts";
import { createAccessCheck } from "./access-check.ts";
import { createRefusalLimiter } from "./refusal-limiter.ts";

/** Limit of requests with an unknown token: 10 per minute and source, as for signing in to the page. */
const UNKNOWN_TOKEN_LIMIT = 10;

/**
 * Creates the access check of all routes: a request must pass the check of every route whose path is its own or a
 * prefix of it, even when nothing answers there. This is one function for all routes, because a middleware pattern for
 * each would prevent the router from finding paths by lookup. Returns undefined for a path that needs no check.
 */
export function createRouteGuard(deps: Pick<Deps, "settings" | "store" | "clock">, routes: readonly Route[]) {
  const unknownTokens = createRefusalLimiter({
    limit: UNKNOWN_TOKEN_LIMIT,
    message: "Too many requests with an unknown token. Send a valid one, or try again in a minute.",
    clock: deps.clock,
  });
  const guards = routes.flatMap(({ path, access: requiredAccess }) =>
    requiredAccess === "public"
      ? []
      : [{ path, below: `${path.replace(/\/$/, "")}/`, pass: createAccessCheck(deps, requiredAccess, unknownTokens) }],
  );
  const findGuards = (path: string) =>
    guards.filter((routeGuard) => path === routeGuard.path || path.startsWith(routeGuard.below));
  // Precomputed, because webhooks, the most frequent requests, are among these paths.
  const unguardedPaths = new Set(routes.map(({ path }) => path).filter((path) => findGuards(path).length === 0));

  async function checkAccess(c: Context, matchingGuards: ReturnType<typeof findGuards>) {
    for (const routeGuard of matchingGuards) await routeGuard.pass(c);
  }

  return (c: Context): Promise<void> | undefined => {
    const { path } = c.req;
    if (unguardedPaths.has(path)) return undefined;
    const matchingGuards = findGuards(path);
    return matchingGuards.length > 0 ? checkAccess(c, matchingGuards) : undefined;
  };
}
