import { expect, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { HTTP_ADMIN_TOKEN, HTTP_TICK_TOKEN, signIn, toBridgeToken } from "../support/http-test-app.ts";
import { formatRequestHead, openConnection } from "../support/raw-connection.ts";
import { createTicketsApp, RUNNER_TOKEN } from "./tickets/tickets-app.ts";

const HOLDERS = ["admin", "tick", "worker", "concierge", "runner", "run", "wrong", "none"] as const;
type Holder = (typeof HOLDERS)[number];

interface ChangingRoute {
  /** A request that its callers may make, and that changes nothing. */
  path: string;
  body?: unknown;
  /** The answers to those whom the route admits. */
  admits: Partial<Record<Holder, number>>;
  /** The answer to every other valid token. Default: 403. */
  refuses?: number;
  /** Whether the page's cookie admits, and the answer to it. */
  cookie?: number;
  /** A signature is the proof, so that Host, Origin and tokens mean nothing. */
  isSigned?: true;
}

const forPage = (path: string, status: number, body?: unknown): ChangingRoute => ({
  path,
  ...(body === undefined ? {} : { body }),
  admits: { admin: status },
  cookie: status,
});
const forRunner = (path: string): ChangingRoute => ({ path, body: {}, admits: { runner: 400 } });
const answerAll = (status: number) => Object.fromEntries(HOLDERS.map((holder) => [holder, status]));

/** Every route that may change something. A new one has to be added here, with those whom it admits. */
const CHANGING_ROUTES: Record<string, ChangingRoute> = {
  "POST /webhooks/plane": { path: "/webhooks/plane", body: {}, admits: answerAll(401), isSigned: true },
  "POST /webhooks/telegram": { path: "/webhooks/telegram", body: {}, admits: answerAll(401), isSigned: true },
  "POST /ticks/:name": { path: "/ticks/none", admits: { admin: 404, tick: 404 } },
  "POST /dead-letters/:queue/:id/replay": forPage("/dead-letters/inbox/none/replay", 404),
  "DELETE /dead-letters/:queue/:id": forPage("/dead-letters/inbox/none", 404),
  "POST /api/session": { path: "/api/session", body: {}, admits: answerAll(400) },
  "DELETE /api/session": { path: "/api/session", admits: answerAll(200), cookie: 200 },
  "DELETE /api/sign-ins": forPage("/api/sign-ins", 200),
  "DELETE /api/sign-ins/:id": forPage("/api/sign-ins/none", 404),
  "POST /api/schedules": forPage("/api/schedules", 400, { cron: 1 }),
  "PATCH /api/schedules/:id": forPage("/api/schedules/none", 404, { paused: true }),
  "DELETE /api/schedules/:id": forPage("/api/schedules/none", 404),
  "POST /api/chat": forPage("/api/chat", 400, {}),
  "POST /api/chat/press": forPage("/api/chat/press", 400, {}),
  "POST /api/setup": forPage("/api/setup", 200),
  "POST /api/tasks/:key/actions": forPage("/api/tasks/ONB-99/actions", 404, { action: "start" }),
  "POST /api/tasks/:key/remarks": forPage("/api/tasks/ONB-99/remarks", 404, { text: "stop" }),
  "POST /api/agents/:name/token": forPage("/api/agents/Nobody/token", 404),
  "POST /api/agents/:name/retire": forPage("/api/agents/Nobody/retire", 404),
  "DELETE /api/holds/:system": forPage("/api/holds/none", 404),
  "POST /api/store-copy": { path: "/api/store-copy", admits: { admin: 404 } },
  "POST /api/requests/:id": forPage("/api/requests/none", 404, { answer: "approve", hash: "none" }),
  "POST /api/permission-rules/remove": forPage("/api/permission-rules/remove", 404, { id: "none" }),
  "POST /api/approve/:ticket": forPage("/api/approve/ONB-99", 404, {}),
  "POST /api/reject/:ticket": forPage("/api/reject/ONB-99", 404, {}),
  "POST /api/update-plane/:ticket": forPage("/api/update-plane/ONB-99", 404, {}),
  "POST /api/test/add-ticket": forPage("/api/test/add-ticket", 400, { id: 1 }),
  "POST /api/sessions/:ticket/answer": forPage("/api/sessions/ONB-99/answer", 400, {}),
  "POST /api/sessions/:ticket/input": forPage("/api/sessions/ONB-99/input", 404, {}),
  "POST /api/sessions/:ticket/complete": forPage("/api/sessions/ONB-99/complete", 400, {}),
  "POST /api/sessions/:ticket/cancel": forPage("/api/sessions/ONB-99/cancel", 404, {}),
  "POST /api/sessions/:ticket/extend": forPage("/api/sessions/ONB-99/extend", 404, {}),
  "POST /api/sessions/:ticket/start": forPage("/api/sessions/ONB-99/start", 404, {}),
  "POST /api/sessions/:ticket/send-back": forPage("/api/sessions/ONB-99/send-back", 400, {}),
  "POST /api/sessions/:ticket/remove": forPage("/api/sessions/ONB-99/remove", 404, {}),
  "POST /api/runner/exchange": forRunner("/api/runner/exchange"),
  "POST /api/runner/differences/:ticket": forRunner("/api/runner/differences/ONB-1"),
  "POST /api/runner/frames/:ticket": forRunner("/api/runner/frames/ONB-1"),
  "POST /api/runner/sessions/:ticket/hooks": {
    ...{ path: "/api/runner/sessions/ONB-1/hooks", body: {}, admits: { run: 400 }, refuses: 401 },
  },
  "POST /api/usage": { path: "/api/usage", body: {}, admits: { admin: 400 } },
  "POST /api/alerts": { path: "/api/alerts", body: { alerts: 1 }, admits: { admin: 400 } },
  "POST /mcp": {
    ...{ path: "/mcp", body: { jsonrpc: "2.0", id: 1, method: "ping" } },
    admits: { worker: 200, concierge: 200, run: 200 },
  },
  "POST /agent/:tool": { path: "/agent/plan_project", body: {}, admits: { concierge: 400 } },
  "PUT /agent/upload_deliverable": {
    path: "/agent/upload_deliverable",
    admits: { worker: 400, concierge: 400, run: 400 },
  },
};

const ROUTES = Object.entries(CHANGING_ROUTES);
const FOREIGN = "https://evil.example";

/** The product with a ticket whose session runs, behind a proxy, so that each request can come from its own source. */
async function createApp() {
  const telegram = { TELEGRAM_BOT_TOKEN: "1000:of-the-routes", TELEGRAM_CHAT_ID: "-100", TELEGRAM_ALLOWED_USERS: "7" };
  const env = { TRUSTED_PROXIES: "127.0.0.1", ALLOW_TEST_TICKETS: "1", ...telegram };
  const app = await createTicketsApp({}, { env });
  await app.requestTicket();
  const tokens: Record<Holder, string | undefined> = {
    admin: HTTP_ADMIN_TOKEN,
    tick: HTTP_TICK_TOKEN,
    worker: toBridgeToken("Thot"),
    concierge: toBridgeToken("Concierge"),
    runner: RUNNER_TOKEN,
    run: await app.runSession(),
    wrong: "a-token-of-nobody-at-all",
    none: undefined,
  };
  let source = 0;
  /** Sends a route's request with these headers; an empty one is left out. Returns the status, 0 without an answer. */
  async function send(name: string, route: ChangingRoute, extra: Record<string, string | undefined>): Promise<number> {
    const raw = await openConnection(app.url);
    const hasBody = route.body !== undefined || extra["content-type"] !== undefined;
    const body = hasBody ? JSON.stringify(route.body ?? {}) : "";
    source += 1;
    const headers = Object.entries({
      host: new URL(app.url).host,
      connection: "close",
      "content-length": String(body.length),
      "content-type": "application/json",
      "x-forwarded-for": `203.0.${source >> 8}.${source & 255}`,
      ...extra,
    }).flatMap(([header, value]) => (value === undefined ? [] : [[header, value] as const]));
    raw.socket.write(formatRequestHead(name.split(" ")[0] ?? "", route.path, Object.fromEntries(headers)) + body);
    return (await raw.ended).status ?? 0;
  }
  const toHeaders = (holder: Holder) => ({
    authorization: tokens[holder] === undefined ? undefined : `Bearer ${tokens[holder]}`,
  });
  return { app, tokens, send, toHeaders };
}

test("Every route of the product that may change something is in the table of these tests", async () => {
  const { app } = await createApp();
  const { routes } = createHttpApp(app.deps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
  const changing = routes.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
  // The only handler of all methods is the middleware around every other one.
  expect([...new Set(changing)].sort()).toEqual(["ALL /*", ...Object.keys(CHANGING_ROUTES)].sort());
});

test("Every route that may change something admits the tokens of its callers and refuses every other one", async () => {
  const { send, toHeaders } = await createApp();
  for (const [name, route] of ROUTES)
    for (const holder of HOLDERS) {
      const expected = route.admits[holder] ?? (holder === "wrong" || holder === "none" ? 401 : (route.refuses ?? 403));
      expect.soft(await send(name, route, toHeaders(holder)), `${name} by ${holder}`).toBe(expected);
    }
});

test("Every route that may change something refuses a body that is wrong in the one form of errors", async () => {
  const { app, tokens } = await createApp();
  for (const [name, { path, body, admits }] of ROUTES) {
    const [holder] = Object.entries(admits).find(([, status]) => status === 400) ?? [];
    if (holder === undefined) continue;
    const init = { method: name.split(" ")[0] ?? "", body: JSON.stringify(body ?? {}) };
    const response = await app.request(path, tokens[holder as Holder] ?? "", init);
    const refusal = { error: { code: expect.any(String), message: expect.any(String) } };
    expect.soft(await response.json(), name).toMatchObject(refusal);
  }
});

/** What comes with requests to every route, and the answer; undefined: it is not for this route. */
interface Attempt {
  /** Whose token, or that of the first whom the route admits. */
  by?: Holder | "caller";
  cookie?: true;
  headers?(url: string): Record<string, string>;
  answer(route: ChangingRoute): number | undefined;
}

const refuseForeign = ({ isSigned }: ChangingRoute) => (isSigned ? 401 : 403);
const refuseType = ({ path }: ChangingRoute) => (path.startsWith("/api/") ? 415 : undefined);
const isGuarded = ({ cookie, admits }: ChangingRoute) => cookie !== undefined && admits.none === undefined;
const TYPES = ["text/plain", "application/jsonx", "application/x-www-form-urlencoded", "multipart/form-data"];
/** All in the full run, otherwise the first two. */
const sample = (all: string[]) => (IS_FULL_RUN ? all : all.slice(0, 2));

const toRow = (name: string, by: Attempt["by"], header: string, value: string, answer: Attempt["answer"]) =>
  [name, { ...(by ? { by } : { cookie: true }), headers: () => ({ [header]: value }), answer }] as [string, Attempt];

const ATTEMPTS: [string, Attempt][] = [
  ...sample([FOREIGN, "null", "http://127.0.0.1:1"]).map((origin) =>
    toRow(`the origin ${origin}, whoever's token comes with it`, "caller", "origin", origin, refuseForeign),
  ),
  toRow("a foreign Host, whoever's token comes with it", "caller", "host", "evil.example", refuseForeign),
  ...sample(TYPES).map((type) =>
    toRow(`a body of type ${type} below /api`, "caller", "content-type", type, refuseType),
  ),
  toRow("the page's cookie from a foreign origin", undefined, "origin", FOREIGN, refuseForeign),
  ["the page's cookie without Origin", { cookie: true, answer: ({ cookie }) => cookie && 403 }],
  [
    "a wrong token beside the page's cookie without Origin",
    { cookie: true, by: "wrong", answer: (route) => (isGuarded(route) ? 401 : undefined) },
  ],
  [
    "nobody with a right token beside the page's cookie without Origin",
    { cookie: true, by: "admin", answer: (route) => (isGuarded(route) ? route.admits.admin : undefined) },
  ],
  [
    "the page's cookie from the page itself, but by the page's own routes",
    { cookie: true, headers: (origin) => ({ origin }), answer: ({ cookie, admits }) => cookie ?? admits.none ?? 401 },
  ],
];

test.each(ATTEMPTS)("Every route that may change something refuses %s", async (_, attempt) => {
  const { by, headers, answer } = attempt;
  const { app, send, toHeaders } = await createApp();
  for (const [name, route] of ROUTES) {
    const expected = answer(route);
    if (expected === undefined) continue;
    const [caller = "none"] = Object.keys(route.admits) as Holder[];
    const holder = by === "caller" ? caller : (by ?? "none");
    const cookie = attempt.cookie ? { cookie: (await signIn(app.url, HTTP_ADMIN_TOKEN)).cookie } : {};
    const status = await send(name, route, { ...toHeaders(holder), ...cookie, ...headers?.(app.url) });
    expect.soft(status, name).toBe(expected);
  }
});
