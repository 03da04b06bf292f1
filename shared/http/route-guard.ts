import type { Context } from "hono";
import type { Deps, Route } from "../app/deps.ts";
import { createAccessCheck } from "./access-check.ts";

/**
 * The access to every route at once: a request whose path is a route's own or lies below it must pass there, whether
 * or not something answers it. One layer for all, because patterns for each would keep the router from looking up a
 * path instead of searching for it. Undefined where no door is.
 */
export function createRouteGuard(deps: Pick<Deps, "settings" | "store">, routes: readonly Route[]) {
  const guards = routes.flatMap(({ path, access: requiredAccess }) =>
    requiredAccess === "public"
      ? []
      : [{ path, below: `${path.replace(/\/$/, "")}/`, pass: createAccessCheck(deps, requiredAccess) }],
  );
  const findGuards = (path: string) =>
    guards.filter((routeGuard) => path === routeGuard.path || path.startsWith(routeGuard.below));
  // Known beforehand for what is asked for most.
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
