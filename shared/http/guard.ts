import type { MiddlewareHandler } from "hono";
import type { Deps, Route } from "../deps.ts";
import { access } from "./access.ts";

/**
 * The access to every route at once: a request whose path is a route's own or lies below it must pass there, whether
 * or not something answers it. One layer for all, because patterns for each would keep the router from looking up a
 * path instead of searching for it.
 */
export function guard(deps: Pick<Deps, "settings" | "store">, routes: readonly Route[]): MiddlewareHandler {
  const doors = routes.flatMap(({ path, access: needed }) =>
    needed === "public" ? [] : [{ path, below: `${path.replace(/\/$/, "")}/`, pass: access(deps, needed) }],
  );
  return (c, next) => {
    const { path } = c.req;
    const closed = doors.filter((door) => path === door.path || path.startsWith(door.below));
    return closed.length === 0 ? next() : passed();

    async function passed() {
      for (const { pass } of closed) await pass(c);
      return next();
    }
  };
}
