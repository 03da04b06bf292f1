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
  const doorsOf = (path: string) => doors.filter((door) => path === door.path || path.startsWith(door.below));
  // Known beforehand for what is asked for most.
  const open = new Set(routes.map(({ path }) => path).filter((path) => doorsOf(path).length === 0));

  async function pass(c: Context, through: ReturnType<typeof doorsOf>) {
    for (const door of through) await door.pass(c);
  }

  return (c: Context): Promise<void> | undefined => {
    const { path } = c.req;
    if (open.has(path)) return undefined;
    const through = doorsOf(path);
    return through.length > 0 ? pass(c, through) : undefined;
  };
}
