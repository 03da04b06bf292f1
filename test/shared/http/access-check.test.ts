import { expect, onTestFinished, test, vi } from "vitest";
import { createHttpApp } from "../../../shared/http/http-app.ts";
import { createTestSettings } from "../../support/settings.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_ENV,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../../support/test-runtime.ts";

const BRIDGE_TOKEN = "bridge-token-of-the-concierge";

test("Access to operators' routes, and to paths below a route where nothing answers, needs a token, also on loopback", async () => {
  const { url } = await startTestRuntime();
  const routes = ["GET /ready", "GET /metrics", "GET /dead-letters", "POST /ticks/poll"];
  const deadLetters = ["POST /dead-letters/inbox/1/replay", "DELETE /dead-letters/inbox/1"];
  const below = ["GET /dead-letters/", "GET /dead-letters/nothing/here", "GET /metrics/x", "GET /audit/..;/x"];
  for (const route of [...routes, ...deadLetters, ...below, "GET /agent/upload_deliverable/x", "GET /api/board/x"]) {
    const [method = "", path] = route.split(" ");
    const response = await fetch(url + path, { method });
    expect([route, response.status]).toEqual([route, 401]);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
  }
});

test("Access is refused for any other Authorization than a bearer token", async () => {
  const { url } = await startTestRuntime();
  const near = [`${RUNTIME_ADMIN_TOKEN}x`, RUNTIME_ADMIN_TOKEN.slice(1), `x ${RUNTIME_ADMIN_TOKEN}`];
  const bearers = near.map((token) => `Bearer ${token}`);
  for (const authorization of ["", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", RUNTIME_ADMIN_TOKEN, ...bearers])
    expect((await fetch(`${url}/dead-letters`, { headers: { authorization } })).status, authorization).toBe(401);
});

test("Access is granted to ADMIN_TOKEN everywhere and to TICK_TOKEN for ticks only", async () => {
  const { url } = await startTestRuntime();
  expect((await fetch(`${url}/dead-letters`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).status).toBe(200);
  expect((await fetch(`${url}/dead-letters`, createBearerHeaders(RUNTIME_TICK_TOKEN))).status).toBe(403);
  expect(
    (await fetch(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) })).status,
  ).toBe(200);
  expect(
    (await fetch(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders(RUNTIME_TICK_TOKEN) })).status,
  ).toBe(200);
});

test.each([
  ["a tick", "POST", "/ticks/poll", RUNTIME_TICK_TOKEN],
  ["the page's data", "GET", "/api/board", RUNTIME_ADMIN_TOKEN],
  ["the tools over HTTP", "GET", "/agent/openapi.json", BRIDGE_TOKEN],
  ["the tools over MCP", "POST", "/mcp", BRIDGE_TOKEN],
])(
  "reliability 33: access to %s with unknown tokens is answered with 429 after 20 a minute, while the right token always has access",
  async (_, method, path, token) => {
    let now = 1_700_000_000_000;
    const { url } = await startTestRuntime({
      env: { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN },
      overrides: { clock: () => now },
    });
    const body = method === "POST" ? { body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }) } : {};
    const request = (given: string) =>
      fetch(url + path, {
        method,
        headers: { ...createBearerHeaders(given).headers, "content-type": "application/json" },
        ...body,
      });
    for (let i = 0; i < 20; i += 1) expect((await request(`guess-${i}`)).status).toBe(401);
    const refused = await request("one-more-guess");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await request(token)).status).toBe(200);
    expect((await fetch(url + path, { method })).status).toBe(401);
    now += 60_000;
    expect((await request("a-guess-a-minute-later")).status).toBe(401);
  },
);

test("Access with unknown tokens is limited over all routes together, per source", async () => {
  const { url } = await startTestRuntime({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  const guess = async (path: string, source: string) =>
    (await fetch(url + path, { headers: { authorization: "Bearer a-guess", "x-forwarded-for": source } })).status;
  for (let i = 0; i < 20; i += 1) expect(await guess(i % 2 ? "/ready" : "/api/board", "203.0.113.1")).toBe(401);
  expect(await guess("/audit", "203.0.113.1")).toBe(429);
  expect(await guess("/audit", "203.0.113.2")).toBe(401);
});

/** Sends so many requests with another unknown token each to these paths, in turn; returns the statuses. */
async function guess(url: string, count: number, paths: readonly string[], headers: Record<string, string> = {}) {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const bearer = createBearerHeaders(`guess-number-${i}-of-somebody`).headers;
    const response = await fetch(url + paths[i % paths.length], { headers: { ...bearer, ...headers } });
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

test("A source with too many unknown tokens is named in one line of the log a minute, and its requests in none", async () => {
  let now = 1_700_000_000_000;
  const env = { TRUSTED_PROXIES: "127.0.0.1" };
  const { url, lines } = await startTestRuntime({ env, overrides: { clock: () => now } });
  const source = { "x-forwarded-for": "203.0.113.7" };
  const countLines = () => {
    const named = lines.filter(({ message }) => message === "too many refused requests");
    const requests = lines.filter(({ message, client }) => message === "request" && client === "203.0.113.7");
    return [named.map((line) => line["source"]), requests.length];
  };
  const statuses = await guess(url, 200, ["/ready", "/metrics", "/api/board", "/agent/openapi.json"], source);
  expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(180).fill(429)]);
  expect(countLines()).toEqual([["203.0.113.7"], 20]);
  now += 60_000;
  await guess(url, 50, ["/ready"], source);
  expect(countLines()).toEqual([["203.0.113.7", "203.0.113.7"], 40]);
  expect(JSON.stringify(lines)).not.toContain("guess-number");
});

test("A request with an unknown token costs one hash, with a hundred configured tokens as with one", async () => {
  const agents = Array.from({ length: 100 }, (_, i) => ({ name: `Agent ${i}`, email: `agent-${i}@example.com` }));
  const tokens = agents.map((_, i) => [`AGENT_TOKEN_AGENT_${i}`, `bridge-token-of-agent-${i}`] as const);
  const files = { "crew.json": JSON.stringify({ agents }) };
  const settings = createTestSettings(
    { ...RUNTIME_ENV, ...Object.fromEntries(tokens), GROUNDCREW_CONFIG: "crew.json" },
    files,
  );
  const { url } = await startTestRuntime({ settings });
  await guess(url, 1, ["/api/board", "/agent/openapi.json", "/ready"]);
  const digest = vi.spyOn(crypto.subtle, "digest");
  onTestFinished(() => digest.mockRestore());
  expect((await guess(url, 30, ["/api/board", "/agent/openapi.json", "/ready"])).at(-1)).toBe(429);
  expect(digest).toHaveBeenCalledTimes(30);
});

test("Signing in, hooks of sessions and bearer tokens have one limit of unknown tokens together, and right ones work on", async () => {
  const { url } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN } });
  const headers = { "content-type": "application/json" };
  const signIn = (token: string) =>
    fetch(`${url}/api/session`, { method: "POST", headers, body: JSON.stringify({ token }) });
  const callHook = () =>
    fetch(`${url}/api/runner/sessions/ONB-1/hooks`, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ONB-1.${"0".repeat(64)}` },
      body: "{}",
    });
  for (let i = 0; i < 10; i += 1)
    expect([(await signIn("guess")).status, (await callHook()).status]).toEqual([401, 401]);
  expect([(await signIn("guess")).status, (await callHook()).status]).toEqual([429, 429]);
  expect(await guess(url, 1, ["/mcp"])).toEqual([429]);
  expect((await signIn(RUNTIME_ADMIN_TOKEN)).status).toBe(200);
  expect((await fetch(`${url}/ready`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).status).toBe(503);
  expect((await fetch(`${url}/agent/openapi.json`, createBearerHeaders(BRIDGE_TOKEN))).status).toBe(200);
});

test("Without configured tokens, the operators' routes and the ticks refuse every request", async () => {
  const { url } = await startTestRuntime({ env: { ADMIN_TOKEN: "", TICK_TOKEN: "" } });
  expect((await fetch(`${url}/dead-letters`, { headers: { authorization: "Bearer " } })).status).toBe(401);
  expect((await fetch(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders("undefined") })).status).toBe(401);
});

test("Access to an agent's tools needs its bridge token, also in the demo on loopback", async () => {
  const { deps } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: "bridge-token-of-the-concierge" } });
  const demo = { ...deps, settings: { ...deps.settings, demo: true } };
  const { manifest } = await import("../../../functions/index.ts");
  const app = createHttpApp(demo, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
  const status = async (init: RequestInit) =>
    (await app.fetch(new Request("http://localhost/agent/openapi.json", init))).status;
  expect(await status({})).toBe(401);
  expect(await status(createBearerHeaders(RUNTIME_ADMIN_TOKEN))).toBe(403);
  expect(await status(createBearerHeaders("bridge-token-of-the-concierge"))).toBe(200);
});

test("Access needs no token in the demo, on loopback only", async () => {
  const { deps } = await startTestRuntime();
  const demo = { ...deps, settings: { ...deps.settings, demo: true } };
  const { manifest } = await import("../../../functions/index.ts");
  const statusFrom = async (address: string) => {
    const app = createHttpApp(demo, { routes: manifest.routes, getRemoteAddress: () => address });
    return (await app.fetch(new Request("http://localhost/dead-letters"))).status;
  };
  expect(await statusFrom("127.0.0.1")).toBe(200);
  expect(await statusFrom("::1")).toBe(200);
  expect(await statusFrom("192.168.1.7")).toBe(401);
  expect(await statusFrom("")).toBe(401);
});
