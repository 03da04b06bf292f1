import { expect, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { HTTP_ADMIN_TOKEN, HTTP_TICK_TOKEN, toBridgeToken } from "../support/http-test-app.ts";
import { formatRequestHead, openConnection } from "../support/raw-connection.ts";
import { createSession, createTicketsApp, RUNNER_TOKEN } from "./tickets/tickets-app.ts";

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
const EVERYBODY = { admin: 1, tick: 1, worker: 1, concierge: 1, runner: 1, run: 1, wrong: 1, none: 1 };
const answerAll = (status: number) => Object.fromEntries(Object.keys(EVERYBODY).map((holder) => [holder, status]));

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
  "POST /api/runner/exchange": { path: "/api/runner/exchange", body: { runner: 1 }, admits: { runner: 400 } },
  "POST /api/runner/differences/:ticket": {
    path: "/api/runner/differences/ONB-1",
    body: {},
    admits: { runner: 400 },
  },
  "POST /api/runner/frames/:ticket": { path: "/api/runner/frames/ONB-1", body: {}, admits: { runner: 400 } },
  "POST /api/runner/sessions/:ticket/hooks": {
    path: "/api/runner/sessions/ONB-1/hooks",
    body: {},
    admits: { run: 400 },
    refuses: 401,
  },
  "POST /api/usage": { path: "/api/usage", body: {}, admits: { admin: 400 } },
  "POST /api/alerts": { path: "/api/alerts", body: { alerts: 1 }, admits: { admin: 400 } },
  "POST /mcp": {
    path: "/mcp",
    body: { jsonrpc: "2.0", id: 1, method: "ping" },
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
  const app = await createTicketsApp(
    {},
    {
      env: {
        TRUSTED_PROXIES: "127.0.0.1",
        ALLOW_TEST_TICKETS: "1",
        TELEGRAM_BOT_TOKEN: "1000:of-the-routes",
        TELEGRAM_CHAT_ID: "-100",
        TELEGRAM_ALLOWED_USERS: "7",
      },
    },
  );
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  const [desired] = (await app.exchange()).sessions;
  await app.exchange([createSession()]);
  const tokens: Record<Holder, string | undefined> = {
    admin: HTTP_ADMIN_TOKEN,
    tick: HTTP_TICK_TOKEN,
    worker: toBridgeToken("Thot"),
    concierge: toBridgeToken("Concierge"),
    runner: RUNNER_TOKEN,
    run: desired?.token,
    wrong: "a-token-of-nobody-at-all",
    none: undefined,
  };
  let source = 0;
  /** Sends a route's request with these headers; an empty one is left out. Returns the status, 0 without an answer. */
  async function send(name: string, route: ChangingRoute, extra: Record<string, string | undefined>): Promise<number> {
    const raw = await openConnection(app.url);
    const body = route.body === undefined ? "" : JSON.stringify(route.body);
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
  async function signIn(): Promise<string> {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ token: HTTP_ADMIN_TOKEN });
    const response = await fetch(`${app.url}/api/session`, { method: "POST", headers, body });
    return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  }
  return { app, send, toHeaders, signIn };
}

/** Sends one request to every route and returns the statuses by route. */
async function tryAll(send: (name: string, route: ChangingRoute) => Promise<unknown>, routes = ROUTES) {
  const results: [string, unknown][] = [];
  for (const [name, route] of routes) results.push([name, await send(name, route)]);
  return Object.fromEntries(results);
}
const expectAll = (getExpected: (route: ChangingRoute) => unknown, routes = ROUTES) =>
  Object.fromEntries(routes.map(([name, route]) => [name, getExpected(route)]));

test("Every route of the product that may change something is in the table of these tests", async () => {
  const { app } = await createApp();
  const { routes } = createHttpApp(app.deps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
  const changing = routes.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
  // The only handler of all methods is the middleware around every other one.
  expect([...new Set(changing)].sort()).toEqual(["ALL /*", ...Object.keys(CHANGING_ROUTES)].sort());
});

test("Every route that may change something admits the tokens of its callers and refuses every other one", async () => {
  const { send, toHeaders } = await createApp();
  const tryHolders = async (name: string, route: ChangingRoute) => {
    const statuses: [Holder, number][] = [];
    for (const holder of HOLDERS) statuses.push([holder, await send(name, route, toHeaders(holder))]);
    return Object.fromEntries(statuses);
  };
  const getExpected = ({ admits, refuses = 403 }: ChangingRoute) =>
    Object.fromEntries(
      HOLDERS.map((holder) => [holder, admits[holder] ?? (["wrong", "none"].includes(holder) ? 401 : refuses)]),
    );
  expect(await tryAll(tryHolders)).toEqual(expectAll(getExpected));
});

test("Every route that may change something refuses a body that is wrong in the one form of errors", async () => {
  const { app, toHeaders } = await createApp();
  for (const [name, { path, body, admits }] of ROUTES) {
    const [holder] = Object.entries(admits).find(([, status]) => status === 400) ?? [];
    if (holder === undefined) continue;
    const { authorization = "" } = toHeaders(holder as Holder);
    const response = await fetch(app.url + path, {
      method: name.split(" ")[0] ?? "",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
    });
    const refusal = { error: { code: expect.any(String), message: expect.any(String) } };
    expect.soft(await response.json(), name).toMatchObject(refusal);
  }
});

test.each([FOREIGN, "null", "http://127.0.0.1:1"])(
  "Every route that may change something refuses the origin %s, whoever's token comes with it",
  async (origin) => {
    const { send, toHeaders } = await createApp();
    const tryOrigin = async (name: string, route: ChangingRoute) => {
      const [holder = "none"] = Object.keys(route.admits) as Holder[];
      return send(name, route, { ...toHeaders(holder), origin });
    };
    expect(await tryAll(tryOrigin)).toEqual(expectAll(({ isSigned }) => (isSigned ? 401 : 403)));
  },
);

test("Every route that may change something refuses a foreign Host, whoever's token comes with it", async () => {
  const { send, toHeaders } = await createApp();
  const tryHost = async (name: string, route: ChangingRoute) => {
    const [holder = "none"] = Object.keys(route.admits) as Holder[];
    return send(name, route, { ...toHeaders(holder), host: "evil.example" });
  };
  expect(await tryAll(tryHost)).toEqual(expectAll(({ isSigned }) => (isSigned ? 401 : 403)));
});

const PAGE_ROUTES = ROUTES.filter(([, { cookie }]) => cookie !== undefined);
const OTHER_ROUTES = ROUTES.filter(([, { cookie }]) => cookie === undefined);

test("The page's cookie admits to the page's own routes from the page itself", async () => {
  const { app, send, signIn } = await createApp();
  const tryCookie = async (name: string, route: ChangingRoute) =>
    send(name, route, { cookie: await signIn(), origin: app.url });
  expect(await tryAll(tryCookie, PAGE_ROUTES)).toEqual(expectAll(({ cookie }) => cookie, PAGE_ROUTES));
});

test("The page's cookie without Origin is refused by every route that may change something", async () => {
  const { send, signIn } = await createApp();
  const cookie = await signIn();
  const tryCookie = (name: string, route: ChangingRoute) => send(name, route, { cookie });
  expect(await tryAll(tryCookie, PAGE_ROUTES)).toEqual(expectAll(() => 403, PAGE_ROUTES));
});

test("The page's cookie without Origin opens nothing beside a wrong token, and does not keep a right one out", async () => {
  const { send, signIn, toHeaders } = await createApp();
  const cookie = await signIn();
  const guarded = PAGE_ROUTES.filter(([, { admits }]) => admits.none === undefined);
  const tryBoth = async (name: string, route: ChangingRoute) => [
    await send(name, route, { cookie, ...toHeaders("wrong") }),
    await send(name, route, { cookie, ...toHeaders("admin") }),
  ];
  expect(await tryAll(tryBoth, guarded)).toEqual(expectAll(({ admits }) => [401, admits.admin], guarded));
});

test("The page's cookie from the page itself is no token for any route that is not the page's", async () => {
  const { app, send, signIn } = await createApp();
  const cookie = await signIn();
  const tryCookie = (name: string, route: ChangingRoute) => send(name, route, { cookie, origin: app.url });
  expect(await tryAll(tryCookie, OTHER_ROUTES)).toEqual(expectAll(({ admits }) => admits.none ?? 401, OTHER_ROUTES));
});

test("The page's cookie from a foreign origin is refused by every route but webhooks", async () => {
  const { send, signIn } = await createApp();
  const cookie = await signIn();
  const tryCookie = (name: string, route: ChangingRoute) => send(name, route, { cookie, origin: FOREIGN });
  expect(await tryAll(tryCookie)).toEqual(expectAll(({ isSigned }) => (isSigned ? 401 : 403)));
});

test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"])(
  "Every route below /api that may change something refuses a body of type %s",
  async (type) => {
    const { send, toHeaders } = await createApp();
    const routes = ROUTES.filter(([, { path }]) => path.startsWith("/api/"));
    const tryType = async (name: string, route: ChangingRoute) => {
      const [holder = "none"] = Object.keys(route.admits) as Holder[];
      return send(name, { ...route, body: route.body ?? {} }, { ...toHeaders(holder), "content-type": type });
    };
    expect(await tryAll(tryType, routes)).toEqual(expectAll(() => 415, routes));
  },
);
