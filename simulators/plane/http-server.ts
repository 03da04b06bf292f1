import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { closeLocalServer, listenLocally } from "../local-server.ts";
import type { LedgerRequestInfo, PlaneApp, PlaneAppEnv } from "./endpoint.ts";
import type { FaultInjector } from "./fault-injector.ts";
import { findToken } from "./people.ts";
import type { LedgerRequest, PlaneFault } from "./test-controls.ts";
import { formatHttpDate } from "./time.ts";
import type { PlaneWorld } from "./world.ts";

/** Creates the HTTP application: it injects faults and records each request in the ledger. */
export function createPlaneApp(world: PlaneWorld, faults: FaultInjector, ledger: LedgerRequest[]): PlaneApp {
  const app = new Hono<PlaneAppEnv>();
  app.use(async (c, next) => {
    const url = new URL(c.req.url);
    const { method } = c.req;
    const path = url.pathname + url.search;
    const token = findToken(world, c.req.header("x-api-key") ?? "");
    const info: LedgerRequestInfo = {
      owner: token?.user ?? null,
      api: token !== undefined && path.startsWith("/api/v1/"),
    };
    c.set("noted", info);
    await faults.requestHook?.({ method, path });
    const toEntry = (status: number): LedgerRequest => ({ at: world.clock(), ...info, method, path, status });
    const fault = faults.takeFault({ method, path, owner: info.owner });
    if (fault?.kind === "half-open") {
      ledger.push(toEntry(0));
      await waitForever();
    }
    if (fault) {
      const status = await injectFault(world, c, fault, next);
      ledger.push(toEntry(status));
      return;
    }
    await next();
    c.res.headers.set("date", formatHttpDate(world.clock()));
    ledger.push(toEntry(c.res.status));
  });
  app.notFound((c) => c.json({ error: "Page not found." }, 404));
  app.onError((error, c) => {
    process.stderr.write(`The simulated Plane failed at ${c.req.method} ${c.req.path}: ${error.stack}\n`);
    return c.json({ error: "Something went wrong please try again later" }, 500);
  });
  return app;
}

const BAD_GATEWAY_HTML =
  "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>";
const waitForever = (): Promise<never> => new Promise(() => {});

/** Answers with the fault. Returns the status the client receives, 0 for no answer. */
async function injectFault(
  world: PlaneWorld,
  c: Context<PlaneAppEnv>,
  fault: PlaneFault,
  next: () => Promise<void>,
): Promise<number> {
  const respond = (body: string | null, status: number, headers: Record<string, string>): number => {
    c.res = new Response(body, { status, headers: { date: formatHttpDate(world.clock()), ...headers } });
    return status;
  };
  const breakConnection = (): number => {
    c.env.incoming.socket.destroy();
    c.res = RESPONSE_ALREADY_SENT;
    return 0;
  };
  switch (fault.kind) {
    case "status":
      return respond(fault.body ?? '{"error":"Something went wrong please try again later"}', fault.status, {
        "content-type": "application/json",
        ...fault.headers,
      });
    case "rate limited":
      return respond('{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED"}', 429, {
        "content-type": "application/json",
        "retry-after": String(fault.retryAfter),
      });
    case "html":
      return respond(BAD_GATEWAY_HTML, 200, { "content-type": "text/html" });
    case "drop":
      return breakConnection();
    case "drop after":
      await next();
      return breakConnection();
    case "truncated": {
      await next();
      const body = await c.res.text();
      return respond(body.slice(0, Math.floor(body.length / 2)), 200, { "content-type": "application/json" });
    }
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.wait).unref());
      await next();
      return c.res.status;
    case "half-open":
      return 0;
  }
}

/** An HTTP server that can be stopped and started again on the same port. */
export interface HttpListener {
  start(port: number): Promise<number>;
  stop(): Promise<void>;
}

export function createHttpListener(app: PlaneApp): HttpListener {
  let server: Server | undefined;
  return {
    async start(port) {
      const httpServer = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
      server = httpServer;
      return listenLocally(httpServer, port);
    },
    async stop() {
      const closing = server;
      server = undefined;
      await closeLocalServer(closing);
    },
  };
}
