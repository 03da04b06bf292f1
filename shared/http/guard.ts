import type { Context } from "hono";
import type { Deps, Route } from "../deps.ts";
import { access } from "./access.ts";

/**
 * The access to every route at once: a request whose path is a route's own or lies below it must pass there, whether
 * or not something answers it. One layer for all, because patterns for each would keep the router from looking up a
 * path instead of searching for it. Undefined where no door is.
 */
export function guard(deps: Pick<Deps, "settings" | "store">, routes: readonly Route[]) {
  const doors = routes.flatMap(({ path, access: needed }) =>
    needed === "public" ? [] : [{ path, below: `${path.replace(/\/$/, "")}/`, pass: access(deps, needed) }],
  );
  return (c: Context): Promise<void> | undefined => {
    const { path } = c.req;
    const isBehind = (door: (typeof doors)[number]) => path === door.path || path.startsWith(door.below);
    return doors.some(isBehind) ? passed() : undefined;

    async function passed() {
      for (const door of doors) if (isBehind(door)) await door.pass(c);
    }
  };
}
