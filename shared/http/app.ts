import { type Context, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Deps, Route } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { createOnError, errorAnswer } from "./error-answer.ts";
import { guard } from "./guard.ts";
import { shell } from "./shell.ts";
import { trust } from "./trust.ts";

/** What each answer but a webhook's carries, put there by the host: building it into each one costs more than much of the work. */
export const EACH_ANSWER = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cache-Control", "no-store"],
] as const;

interface AppOptions {
  routes: readonly Route[];
  /** The address at the other end of the connection, as the runtime knows it. */
  connection: (c: Context) => string;
  /** Is told of each request when it begins (1) and when it is over (-1). */
  atWork?: (change: 1 | -1) => void;
  /** True for a port of its own (METRICS_PORT): its routes need no token. */
  open?: boolean;
}

/**
 * The routes inside what all of them share: log, trust, access, errors as JSON.
 * A request that must get no answer makes `fetch` reject with `BreakConnection`.
 */
export function createApp(deps: Deps, options: AppOptions): Hono {
  const { settings } = deps;
  // A slash too many is typed easily, and Plane would count a 404 as delivered.
  const app = new Hono({ strict: false });
  const refuse = createOnError(deps);
  const checks = [trust(settings), ...(options.open ? [] : [guard(deps, options.routes)])];
  app.use(shell(deps, { connection: options.connection, atWork: options.atWork, checks, refuse }));
  for (const route of options.routes) app.route(route.path, route.app(deps));
  const otherMethod = methodNotAllowed({ app, onMethodNotAllowed: refuseMethod });
  app.notFound(async (c) => {
    c.res = errorAnswer(c, new GroundcrewError("not_found", "There is nothing at this address."));
    await otherMethod(c, async () => {});
    return c.res;
  });
  app.onError(refuse);
  return app;
}

function refuseMethod(c: Context, methods: string[]): Response {
  c.header("Allow", methods.join(", "));
  const message = `${c.req.method} is not possible here, only ${methods.join(", ")}.`;
  return errorAnswer(c, new GroundcrewError("method_not_allowed", message));
}
