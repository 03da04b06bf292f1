import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:net";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { listenLocally } from "../../simulators/local-server.ts";
import { formatRequestHead } from "../support/raw-connection.ts";
import { startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";
import {
  CREW,
  DOCKER_CLIENT,
  DOMAIN,
  GRAFANA,
  hasCaddy,
  OUTSIDE_CLIENT,
  startCaddy,
  startSites,
  startUpstream,
  VPN_CLIENT,
  validateCaddyfile,
  WORK,
} from "./start-caddy.ts";

/** Paths of Plane as browsers send them, and who answers them. */
const PLAIN = {
  "/auth/sign-in/": "api",
  "/static/x.css": "api",
  "/god-mode/": "admin",
  "/spaces/x": "space",
  "/live/x": "live",
  "/uploads/a/b.png?X-Amz-Signature=1": "storage",
  "/uploads/report..pdf": "storage",
  "/": "web",
  "/javisi/projects/": "web",
  "/javisi/a..b/.c/": "web",
};

/** Workspaces that begin like a path of a service. */
const NAMES = ["apiary", "api-team", "authors", "god-modes", "spaceship", "spaces2", "live-team", "webhooks-team"];
const WORKSPACES = Object.fromEntries(NAMES.map((name) => [`/${name}/projects/`, "web"]));

/** The same paths in other spellings, which the service decodes as Caddy does. */
const ENCODED = {
  "/%61pi/v1/": "api",
  "/api/v1%252e%252e/": "api",
  "/liv%65/x": "live",
  "/%6civerpool/": "web",
  "/%73paces/x": "space",
  "/uploads/a?name=a%2Fb": "storage",
};

/** Paths that a service could read otherwise than Caddy, which chooses it. */
const AMBIGUOUS = [
  ...["/x/../api/v1", "/x/%2e%2e/api/v1", "/x/.%2E/api", "/x%2F..%2Fapi", "/x%2f%2e%2e%2fapi", "/uploads/../api/x"],
  ...["/api/../javisi/", "/api/%2e%2e/javisi", "/god-mode/%2e%2e/api", "/api/./health", "/%2e/api/", "/api/.."],
  ...["/api%2Fv1/", "/live%2fx", "/god-mode%2F", "/uploads%2Fa", "/api%2Fhealth", "/x%2f"],
  ...["/api\\v1", "/api%5cv1", "/api%5C..%5Cx", "/api%00/", "/api%0a/", "/live%7f/"],
];

let shared: ReturnType<typeof startSites> | undefined;
const ends: (() => void | Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** One Caddy and its servers for all tests that stop none of them; no request has been recorded yet. */
async function getSites() {
  shared ??= startSites((end) => void ends.push(end));
  const sites = await shared;
  for (const { requests } of [sites.groundcrew, ...sites.services]) requests.length = 0;
  return sites;
}

describe.skipIf(!hasCaddy())("Plane's paths through Caddy", () => {
  test("INFRA-04 each path reaches its service, also in another spelling, and /api/health the API server's root", async () => {
    const { caddy, api } = await getSites();
    for (const [path, service] of Object.entries({ ...PLAIN, ...ENCODED, ...WORKSPACES })) {
      const answer = await caddy.send({ host: WORK, path, from: VPN_CLIENT });
      expect(answer, path).toMatchObject({ status: 200, body: service });
    }
    for (const path of ["/api/health", "/api/health/"]) {
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({ body: "api" });
      expect(api?.requests.at(-1)?.url, path).toBe("/");
    }
  });

  test("a path with dot segments, encoded slashes, backslashes or control characters is refused, however it is encoded", async () => {
    const { caddy } = await getSites();
    for (const path of AMBIGUOUS)
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({ status: 400 });
  });
});

describe.skipIf(!hasCaddy())("Caddy's configuration", () => {
  test.each(readdirSync("caddy").filter((name) => name.includes("Caddyfile")))(
    "INFRA-04 %s is valid with DOMAIN alone",
    (file) => {
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com" })).not.toThrow();
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com", VPN_CIDR: "10.0.0.0/8 fd00::/8" })).not.toThrow();
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com", VPN_CIDR: "everyone" })).toThrow(/everyone/);
    },
  );

  test("INFRA-04 serves Plane and Groundcrew to the VPN and to Docker's network, and answers 403 to everyone else", async () => {
    const { caddy, groundcrew } = await getSites();
    for (const from of [VPN_CLIENT, DOCKER_CLIENT]) {
      expect(await caddy.send({ host: CREW, path: "/", from })).toMatchObject({ status: 200, body: "groundcrew" });
      const call = { host: CREW, path: "/mcp", method: "POST", from };
      expect(await caddy.send(call)).toMatchObject({ body: "groundcrew" });
      expect(await caddy.send({ host: WORK, path: "/", from })).toMatchObject({ status: 200, body: "web" });
    }
    const routes = ["/mcp", "/agent/tools", "/api/health", "/api/notices", "/api/alerts", "//api//alerts"];
    for (const path of ["/", ...routes, "/webhooks", "/uploads/a.png"]) {
      for (const host of [CREW, WORK]) {
        const headers = { "x-forwarded-for": VPN_CLIENT, forwarded: `for=${VPN_CLIENT}`, "x-real-ip": VPN_CLIENT };
        for (const method of ["GET", "POST"])
          expect(await caddy.send({ host, path, method, headers }), `${host}${path}`).toMatchObject({ status: 403 });
      }
    }
    expect(groundcrew.requests.map(({ url }) => url)).toEqual(["/", "/mcp", "/", "/mcp"]);
  });

  test("sends security headers, redirects HTTP to HTTPS, and shows its metrics to Docker's network alone", async () => {
    const { caddy } = await getSites();
    for (const request of [{ path: "/", from: VPN_CLIENT }, { path: "/" }]) {
      const answer = await caddy.send({ host: CREW, ...request });
      expect(answer?.headers).toMatchObject({
        "strict-transport-security": expect.stringContaining("max-age="),
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "strict-origin-when-cross-origin",
      });
      expect(answer?.headers).not.toHaveProperty("server");
    }
    const redirect = await caddy.sendPlain("http", "/x", OUTSIDE_CLIENT);
    expect(redirect).toMatchObject({ status: 308, headers: { location: expect.stringContaining(`https://${CREW}`) } });
    expect(await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT)).toMatchObject({
      status: 200,
      body: expect.stringContaining("caddy_http_requests_total"),
    });
    for (const from of [VPN_CLIENT, OUTSIDE_CLIENT])
      expect(await caddy.sendPlain("metrics", "/metrics", from)).toMatchObject({ status: 403 });
  });

  test("keeps tokens, cookies, signatures and queries out of its log, also of requests that fail", async () => {
    const { caddy, groundcrew } = await startSites();
    const secret = "do-not-log-me";
    const names = ["x-plane-signature", "x-telegram-bot-api-secret-token", "x-api-key"];
    const own = Object.fromEntries(names.map((name) => [name, secret]));
    const headers = { authorization: `Bearer ${secret}`, cookie: `session=${secret}`, ...own };
    const send = (path: string, method = "GET") =>
      caddy.send({ host: CREW, path: `${path}?token=${secret}`, method, from: VPN_CLIENT, headers });
    await send("/api/board");
    await groundcrew.stop();
    // Caddy answers the first with 502, and breaks the connection of the second.
    expect(await send("/webhooks/health")).toMatchObject({ status: 502 });
    expect(await send("/webhooks/telegram", "POST")).toBeUndefined();
    for (const path of ["/api/board", "/webhooks/health", "/webhooks/telegram"])
      await expect.poll(() => caddy.readLog()).toContain(`"uri":"${path}"`);
    expect(caddy.readLog()).not.toContain(secret);
  });

  test("INFRA-04 MONITOR-03 serves each site at the name that is set for it, and at its default name no longer", async () => {
    const caddy = await startCaddy({
      ...{ CADDY_SITES: "sites*.caddy", PLANE_SUBDOMAIN: "plane", GROUNDCREW_SUBDOMAIN: "agents.office" },
      GRAFANA_SUBDOMAIN: "charts",
      GROUNDCREW_UPSTREAM: (await startUpstream("groundcrew")).address,
      PLANE_WEB_UPSTREAM: (await startUpstream("web")).address,
      GRAFANA_UPSTREAM: (await startUpstream("grafana")).address,
    });
    for (const [name, body] of Object.entries({ plane: "web", "agents.office": "groundcrew", charts: "grafana" }))
      expect(await caddy.send({ host: `${name}.${DOMAIN}`, path: "/", from: VPN_CLIENT })).toMatchObject({ body });
    const outside = { host: `charts.${DOMAIN}`, path: "/login", from: OUTSIDE_CLIENT };
    expect(await caddy.send(outside)).toMatchObject({ status: 403 });
    const webhook = { host: `agents.office.${DOMAIN}`, path: "/webhooks/telegram", method: "POST" };
    expect(await caddy.send(webhook)).toMatchObject({ status: 200, body: "groundcrew" });
    for (const host of [WORK, CREW, GRAFANA]) await expect(caddy.open(host, VPN_CLIENT), host).rejects.toThrow(/alert/);
  });

  test("a host that is not served gets no success: neither by its name in TLS, nor by another one", async () => {
    const { caddy } = await getSites();
    for (const method of ["GET", "POST"])
      for (const other of ["made-up.test", CREW, `${CREW}:443`, "127.0.0.1"]) {
        const request = { host: WORK, path: "/webhooks/plane", method, from: OUTSIDE_CLIENT, headers: { host: other } };
        expect(await caddy.send(request), `${method} ${other}`).toMatchObject({ status: 421 });
      }
    await expect(caddy.open("made-up.test", OUTSIDE_CLIENT)).rejects.toThrow(/alert/);
    expect(await caddy.sendPlain("metrics", "/", DOCKER_CLIENT)).toMatchObject({ status: 404 });
  });

  test("MONITOR-03 names of hosts, ports and methods that anybody makes up add nothing to the metrics", async () => {
    const { caddy } = await getSites();
    const countSeries = async () => {
      const metrics = (await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT))?.body ?? "";
      return metrics.match(/^caddy_http_/gm)?.length ?? 0;
    };
    const send = async (name: string) => {
      for (const host of [WORK, `${WORK}:${name}`, `${name}.test`, `${WORK.toUpperCase()}:${name}`])
        await caddy.send({ host: WORK, path: "/", from: OUTSIDE_CLIENT, headers: { host } });
      await caddy.send({ host: WORK, path: "/", method: `MADE-UP-${name}`, from: OUTSIDE_CLIENT });
      await caddy.sendPlain("http", `/${name}`, OUTSIDE_CLIENT);
    };
    await send("1");
    // Reading the metrics is counted as well.
    await countSeries();
    const before = await countSeries();
    expect(before).toBeGreaterThan(20);
    for (const name of ["2", "3", "b", "x-y"]) await send(name);
    expect(await countSeries()).toBe(before);
  });
});

/** What Caddy adds before Groundcrew sees a request comes from 127.0.0.1. */
const BEHIND_CADDY = { TRUSTED_PROXIES: "127.0.0.1/32", PUBLIC_URL: `https://${CREW}` };

/** Requests that resemble a webhook. */
const REFUSED_POSTS = [
  ...["/x/../webhooks/plane", "/webhooks/../webhooks/plane", "/x/%2e%2e/webhooks/plane", "/webhooks/plane/"],
  ...["/webhooks%2Fplane?x=/webhooks/plane", "/WEBHOOKS/plane", "/webhooks/plane%00", "/webhooks\\plane"],
  ...["/webhooks", "/webhooks/health"],
];
const REFUSED_REQUESTS = [
  ...["/webhooks/plane", "/webhooks/health/", "/x/../webhooks/health"].map((path) => ["GET", path] as const),
  ...REFUSED_POSTS.map((path) => ["POST", path] as const),
];

async function startWithGroundcrew(env: Record<string, string> = {}) {
  const runtime = await startTestRuntime({ env: { ...BEHIND_CADDY, ...env } });
  const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: new URL(runtime.url).host, WEBHOOK_MAX_BYTES: "65536" });
  const countPending = async () => (await runtime.store.stats()).queues.inbox.pending;
  return { caddy, runtime, countPending };
}

const deliver = (body: string) => ({ method: "POST", body, headers: createWebhookHeaders(body) });

describe.skipIf(!hasCaddy())("Webhooks through Caddy", () => {
  test("NOTIF-01 a signed webhook reaches Groundcrew from anywhere, on both hosts, also with doubled slashes", async () => {
    const { caddy, countPending } = await startWithGroundcrew();
    const addresses = [CREW, WORK].flatMap((host) =>
      ["/webhooks/plane", "//webhooks/plane", "/webhooks//plane"].map((path) => ({ host, path })),
    );
    for (const [i, address] of addresses.entries())
      expect(await caddy.send({ ...address, ...deliver(`{"n":${i}}`) })).toMatchObject({ status: 200 });
    expect(await countPending()).toBe(addresses.length);
    // A body over the limit is refused, announced or not.
    const large = deliver(JSON.stringify({ text: "x".repeat(100_000) }));
    for (const more of [{}, { "transfer-encoding": "chunked" }]) {
      const webhook = { host: CREW, path: "/webhooks/plane", ...large, headers: { ...large.headers, ...more } };
      expect((await caddy.send(webhook))?.status).toBe(413);
    }
    expect(await countPending()).toBe(addresses.length);
  });

  test("MONITOR-01 the health of Groundcrew is public: ok, and not ok with 503", async () => {
    const { caddy, runtime } = await startWithGroundcrew();
    const ask = async (host: string, path = "/webhooks/health", method = "GET") => {
      const answer = await caddy.send({ host, path, method });
      return answer && [answer.status, answer.body];
    };
    expect(await ask(CREW)).toEqual([503, "not ok"]);
    runtime.deps.health.recordSuccess("plane");
    await expect.poll(() => ask(CREW), { timeout: 5_000, interval: 100 }).toEqual([200, "ok"]);
    expect(await ask(WORK, "//webhooks//health")).toEqual([200, "ok"]);
    expect(await ask(CREW, "/webhooks/health", "HEAD")).toEqual([200, ""]);
    expect((await caddy.send({ host: CREW, path: "/health" }))?.status).toBe(403);
  });

  test("other paths and methods are refused from outside, and never reach Groundcrew as a webhook from inside", async () => {
    const { caddy, groundcrew, services } = await getSites();
    for (const host of [CREW, WORK]) {
      for (const [method, path] of REFUSED_REQUESTS) {
        const answer = await caddy.send({ host, path, method });
        expect(answer?.status ?? 400, `${method} ${host}${path}`).toBeGreaterThanOrEqual(400);
        expect([groundcrew, ...services].flatMap(({ requests }) => requests)).toEqual([]);
        await caddy.send({ host, path, method, from: VPN_CLIENT });
        const arrived = groundcrew.requests.splice(0).map(({ url }) => url);
        for (const webhook of ["/webhooks/plane", "/webhooks/telegram", "/webhooks/health"])
          expect(arrived, `${method} ${host}${path}`).not.toContain(webhook);
        for (const { requests } of services) requests.length = 0;
      }
    }
  });

  test.each<[string, RequestListener]>([
    ["is busy", (_, response) => response.writeHead(503).end("busy")],
    [
      "breaks off",
      ({ socket }) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", () => socket.destroy()),
    ],
  ])(
    "a webhook is never answered when Groundcrew %s: its connection breaks, so that Plane repeats it",
    async (_, answer) => {
      const groundcrew = await startUpstream("groundcrew", answer);
      const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address });
      expect(await caddy.send({ host: CREW, path: "/webhooks/plane", ...deliver("{}") })).toBeUndefined();
      expect(groundcrew.requests).toHaveLength(1);
    },
  );

  test("what a client says about its own address is replaced, so that only Caddy's word counts", async () => {
    const { caddy, groundcrew, api } = await getSites();
    const forged = { "x-real-ip": "10.0.0.1", forwarded: "for=10.0.0.1", "x-forwarded-for": "10.0.0.1" };
    await caddy.send({ host: CREW, path: "/webhooks/plane", ...deliver("{}"), headers: forged });
    await caddy.send({ host: CREW, path: "/", from: VPN_CLIENT, headers: forged });
    await caddy.send({ host: WORK, path: "/api/", from: VPN_CLIENT, headers: forged });
    const seen = [...groundcrew.requests, ...(api?.requests ?? [])];
    const addresses = [OUTSIDE_CLIENT, VPN_CLIENT, VPN_CLIENT];
    expect(seen.map(({ headers }) => [headers["x-real-ip"], headers["forwarded"], headers["x-forwarded-for"]])).toEqual(
      addresses.map((address) => [address, `for=${address}`, address]),
    );
  });

  test("a body that stalls until Groundcrew gives it up is never acknowledged, also when the rest arrives", async () => {
    // Groundcrew ends such a request after 20 s; this server does so with the first byte of the body.
    const givenUp = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      let request = "";
      socket.on("data", (data) => {
        request += data.toString("latin1");
        if (request.endsWith("{")) socket.destroy();
      });
      socket.on("close", () => givenUp.resolve());
    });
    onTestFinished(() => void server.close());
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: `127.0.0.1:${await listenLocally(server, 0)}` });
    const socket = await caddy.open(CREW, OUTSIDE_CLIENT);
    let received = "";
    socket.on("data", (data: Buffer) => {
      received += data;
    });
    const headers = { ...createWebhookHeaders("{}"), host: CREW, "content-length": "2" };
    socket.write(`${formatRequestHead("POST", "/webhooks/plane", headers)}{`);
    await givenUp.promise;
    socket.write("}");
    await once(socket, "close");
    expect(received).toBe("");
  });

  test("Groundcrew limits each source behind Caddy by its real address, whatever X-Forwarded-For claims", async () => {
    const { caddy, countPending } = await startWithGroundcrew();
    const forge = (i: number) => ({
      ...{ host: CREW, path: "/webhooks/plane", method: "POST", body: `{"n":${i}}` },
      headers: { ...createWebhookHeaders("another body"), "x-forwarded-for": `192.0.2.${i}` },
    });
    const statuses = new Set<number | undefined>();
    for (let i = 0; i < 130; i += 1) statuses.add((await caddy.send(forge(i)))?.status);
    expect([...statuses].sort()).toEqual([401, 429]);
    expect(await caddy.send({ ...forge(1), from: "127.0.3.3" })).toMatchObject({ status: 401 });
    const real = { host: CREW, path: "/webhooks/plane", ...deliver('{"real":1}') };
    expect(await caddy.send(real)).toMatchObject({ status: 200 });
    expect(await countPending()).toBe(1);
  });
});
