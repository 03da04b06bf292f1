import { Hono } from "hono";
import type { Route } from "../../shared/app/deps.ts";
import { ADMIN_VIEWER, type Viewer } from "../../shared/people/viewer.ts";

/** Requests a route without the middleware around it, as somebody whose access it has checked. */
export function requestAs<D>(
  route: { app: (deps: D) => ReturnType<Route["app"]> },
  deps: D,
  path: string,
  viewer: Viewer = ADMIN_VIEWER,
): Response | Promise<Response> {
  return new Hono()
    .use(async (c, next) => {
      c.set("viewer", viewer);
      await next();
    })
    .route("/", route.app(deps))
    .request(path);
}
