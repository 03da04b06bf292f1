import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import type { Fault, LedgerRequest } from "./control.ts";
import type { Env, Noted, Site } from "./endpoint.ts";
import type { Faults } from "./faults.ts";
import { tokenBySecret } from "./people.ts";
import { httpDate } from "./time.ts";
import type { World } from "./world.ts";

/** An application whose requests pass the faults and are written into the ledger. */
export function createSite(world: World, faults: Faults, ledger: LedgerRequest[]): Site {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const url = new URL(c.req.url);
    const { method } = c.req;
    const path = url.pathname + url.search;
    const key = tokenBySecret(world, c.req.header("x-api-key") ?? "");
    const noted: Noted = { owner: key?.user ?? null, api: key !== undefined && path.startsWith("/api/v1/") };
    c.set("noted", noted);
    await faults.before?.({ method, path });
    const entry = (status: number): LedgerRequest => ({ at: world.clock(), ...noted, method, path, status });
    const fault = faults.take({ method, path, owner: noted.owner });
    if (fault?.kind === "half-open") {
      ledger.push(entry(0));
      await never();
    }
    if (fault) {
      const status = await suffer(world, c, fault, next);
      ledger.push(entry(status));
      return;
    }
    await next();
    c.res.headers.set("date", httpDate(world.clock()));
    ledger.push(entry(c.res.status));
  });
  app.notFound((c) => c.json({ error: "Page not found." }, 404));
  app.onError((error, c) => {
    process.stderr.write(`the in-memory Plane failed at ${c.req.method} ${c.req.path}: ${error.stack}\n`);
    return c.json({ error: "Something went wrong please try again later" }, 500);
  });
  return app;
}

const PAGE = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>";
const never = (): Promise<never> => new Promise(() => {});

/** Makes the answer go wrong. Answers the status the client saw, 0 for none. */
async function suffer(world: World, c: Context<Env>, fault: Fault, next: () => Promise<void>): Promise<number> {
  const answer = (body: string | null, status: number, headers: Record<string, string>): number => {
    c.res = new Response(body, { status, headers: { date: httpDate(world.clock()), ...headers } });
    return status;
  };
  const breakOff = (): number => {
    c.env.incoming.socket.destroy();
    c.res = RESPONSE_ALREADY_SENT;
    return 0;
  };
  switch (fault.kind) {
    case "status":
      return answer(fault.body ?? '{"error":"Something went wrong please try again later"}', fault.status, {
        "content-type": "application/json",
        ...fault.headers,
      });
    case "rate limited":
      return answer('{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED"}', 429, {
        "content-type": "application/json",
        "retry-after": String(fault.retryAfter),
      });
    case "html":
      return answer(PAGE, 200, { "content-type": "text/html" });
    case "drop":
      return breakOff();
    case "drop after":
      await next();
      return breakOff();
    case "truncated": {
      await next();
      const body = await c.res.text();
      return answer(body.slice(0, Math.floor(body.length / 2)), 200, { "content-type": "application/json" });
    }
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.wait).unref());
      await next();
      return c.res.status;
    case "half-open":
      return 0;
  }
}

/** A listening application that can go down and come up again on the same port. */
export interface Listening {
  start(port: number): Promise<number>;
  stop(): Promise<void>;
}

export function createListening(app: Site): Listening {
  let server: Server | undefined;
  return {
    async start(port) {
      const listening = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
      server = listening;
      await new Promise<void>((resolve, reject) => {
        listening.once("error", reject);
        listening.listen(port, "127.0.0.1", resolve);
      });
      const address = listening.address();
      return typeof address === "object" && address ? address.port : port;
    },
    async stop() {
      const closing = server;
      server = undefined;
      if (!closing) return;
      await new Promise<void>((resolve) => {
        closing.close(() => resolve());
        closing.closeAllConnections();
      });
    },
  };
}
