import { createHash } from "node:crypto";
import { expect, onTestFinished, test, vi } from "vitest";
import { manifest } from "../../../functions/index.ts";
import type { AgentTokens } from "../../../shared/config/settings.ts";
import { createTokenLookup } from "../../../shared/http/access.ts";
import { createHttpApp } from "../../../shared/http/http-app.ts";
import { signIn } from "../../support/http-test-app.ts";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";
import { createTestSettings } from "../../support/settings.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_ENV,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../../support/test-runtime.ts";

const BRIDGE_TOKEN = "bridge-token-of-the-concierge";

test("Access to operators' routes, and to paths below a route where nothing answers, needs a bearer token, also on loopback, and no other Authorization", async () => {
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
  const near = [`${RUNTIME_ADMIN_TOKEN}x`, RUNTIME_ADMIN_TOKEN.slice(1), `x ${RUNTIME_ADMIN_TOKEN}`];
  const bearers = near.map((token) => `Bearer ${token}`);
  for (const authorization of ["", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", RUNTIME_ADMIN_TOKEN, ...bearers])
    expect((await fetch(`${url}/dead-letters`, { headers: { authorization } })).status, authorization).toBe(401);
});

test("Access is granted to ADMIN_TOKEN everywhere and to TICK_TOKEN for ticks only, and to nobody while no token is set", async () => {
  const { url } = await startTestRuntime();
  const request = async (token: string, path: string, method = "GET", at = url) =>
    (await fetch(at + path, { method, ...createBearerHeaders(token) })).status;
  expect(await request(RUNTIME_ADMIN_TOKEN, "/dead-letters")).toBe(200);
  expect(await request(RUNTIME_TICK_TOKEN, "/dead-letters")).toBe(403);
  for (const token of [RUNTIME_ADMIN_TOKEN, RUNTIME_TICK_TOKEN])
    expect(await request(token, "/ticks/poll", "POST")).toBe(200);
  const open = await startTestRuntime({ env: { ADMIN_TOKEN: "", TICK_TOKEN: "" } });
  expect(await request("", "/dead-letters", "GET", open.url)).toBe(401);
  expect(await request("undefined", "/ticks/poll", "POST", open.url)).toBe(401);
});

test.each([
  ["a tick", "POST", "/ticks/poll", RUNTIME_TICK_TOKEN],
  ["the page's data", "GET", "/api/board", RUNTIME_ADMIN_TOKEN],
  ["the tools over MCP", "POST", "/mcp", BRIDGE_TOKEN],
])("reliability 33: unknown tokens of %s get 429 after 20 a minute, right ones not", async (_, method, path, token) => {
  let now = 1_700_000_000_000;
  const env = { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN };
  const { url } = await startTestRuntime({ env, overrides: { clock: () => now } });
  const body = method === "POST" ? { body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }) } : {};
  const request = (given: string) => {
    const headers = { ...createBearerHeaders(given).headers, "content-type": "application/json" };
    return fetch(url + path, { method, headers, ...body });
  };
  for (let i = 0; i < 20; i += 1) expect((await request(`guess-${i}`)).status).toBe(401);
  const refused = await request("one-more-guess");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
  expect((await request(token)).status).toBe(200);
  expect((await fetch(url + path, { method })).status).toBe(401);
  now += 60_000;
  expect((await request("a-guess-a-minute-later")).status).toBe(401);
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

test("A source with too many unknown tokens, over all routes together, is named in one line of the log a minute, and its requests in none; another source is not held up", async () => {
  let now = 1_700_000_000_000;
  const env = { TRUSTED_PROXIES: "127.0.0.1" };
  const { url, lines } = await startTestRuntime({ env, overrides: { clock: () => now } });
  const source = { "x-forwarded-for": "203.0.113.7" };
  const countLines = () => {
    const named = lines.filter(({ message }) => message === "too many refused requests");
    const requests = lines.filter(({ message, client }) => message === "request" && client === "203.0.113.7");
    return [named.map((line) => line["source"]), requests.length];
  };
  const statuses = await guess(url, 40, ["/ready", "/metrics", "/api/board", "/agent/openapi.json"], source);
  expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(20).fill(429)]);
  expect(await guess(url, 1, ["/audit"], { "x-forwarded-for": "203.0.113.2" })).toEqual([401]);
  expect(countLines()).toEqual([["203.0.113.7"], 20]);
  now += 60_000;
  await guess(url, 25, ["/ready"], source);
  expect(countLines()).toEqual([["203.0.113.7", "203.0.113.7"], 40]);
  expect(JSON.stringify(lines)).not.toContain("guess-number");
});

test("A request with an unknown token costs one hash, with a hundred configured tokens as with one", async () => {
  const agents = Array.from({ length: 100 }, (_, i) => ({ name: `Agent ${i}`, email: `agent-${i}@example.com` }));
  const tokens = agents.map((_, i) => [`AGENT_TOKEN_AGENT_${i}`, `bridge-token-of-agent-${i}`] as const);
  const env = { ...RUNTIME_ENV, ...Object.fromEntries(tokens), GROUNDCREW_CONFIG: "crew.json" };
  const settings = createTestSettings(env, { "crew.json": JSON.stringify({ agents }) });
  const { url } = await startTestRuntime({ settings });
  const paths = ["/api/board", "/agent/openapi.json", "/ready"];
  await guess(url, 1, paths);
  const digest = vi.spyOn(crypto.subtle, "digest");
  onTestFinished(() => digest.mockRestore());
  expect((await guess(url, 30, paths)).at(-1)).toBe(429);
  expect(digest).toHaveBeenCalledTimes(30);
});

test("Signing in, hooks of sessions and bearer tokens have one limit of unknown tokens together, and right ones work on", async () => {
  const { url } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN } });
  const hook = createBearerHeaders(`ONB-1.${"0".repeat(64)}`);
  const headers = { ...hook.headers, "content-type": "application/json" };
  const callHook = () => fetch(`${url}/api/runner/sessions/ONB-1/hooks`, { method: "POST", headers, body: "{}" });
  for (let i = 0; i < 10; i += 1)
    expect([(await signIn(url, "guess")).status, (await callHook()).status]).toEqual([401, 401]);
  expect([(await signIn(url, "guess")).status, (await callHook()).status]).toEqual([429, 429]);
  expect(await guess(url, 1, ["/mcp"])).toEqual([429]);
  expect((await signIn(url, RUNTIME_ADMIN_TOKEN)).status).toBe(200);
  expect((await fetch(`${url}/agent/openapi.json`, createBearerHeaders(BRIDGE_TOKEN))).status).toBe(200);
});

test("Access needs no token in the demo, on loopback only, but for an agent's tools, which need its bridge token", async () => {
  const { deps } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN } });
  const demo = { ...deps, settings: { ...deps.settings, demo: true } };
  const request = async (path: string, init: RequestInit = {}, address = "127.0.0.1") => {
    const app = createHttpApp(demo, { routes: manifest.routes, getRemoteAddress: () => address });
    return (await app.fetch(new Request(`http://localhost${path}`, init))).status;
  };
  const statuses = ["127.0.0.1", "::1", "192.168.1.7", ""].map((address) => request("/dead-letters", {}, address));
  expect(await Promise.all(statuses)).toEqual([200, 200, 401, 401]);
  expect(await request("/agent/openapi.json")).toBe(401);
  expect(await request("/agent/openapi.json", createBearerHeaders(RUNTIME_ADMIN_TOKEN))).toBe(403);
  expect(await request("/agent/openapi.json", createBearerHeaders(BRIDGE_TOKEN))).toBe(200);
});

test("A bridge token identifies its agent, also during a rotation and when only its hash is stored; one that is unknown or shared identifies nobody", async () => {
  const toHash = (token: string) => `sha256:${createHash("sha256").update(token).digest("hex")}`;
  const agentTokens: AgentTokens[] = [
    { agent: "Hermes", role: "concierge", tokens: ["token-of-hermes", "old-token-of-hermes"] },
    { agent: "Thot", role: "worker", tokens: [toHash("token-of-thot")] },
    { agent: "Imhotep", role: "worker", tokens: ["the-same-token"] },
    { agent: "Seshat", role: "worker", tokens: [toHash("the-same-token")] },
  ];
  const others = { adminTokens: [], tickTokens: [], alertsTokens: [], runnerTokens: [] };
  const findHolder = createTokenLookup({ ...others, agentTokens });
  const findCaller = async (token: string) => (await findHolder(token))?.caller;
  const hermes = { name: "Hermes", role: "concierge" };
  for (const token of ["token-of-hermes", "old-token-of-hermes"]) expect(await findCaller(token)).toEqual(hermes);
  expect(await findCaller("token-of-thot")).toEqual({ name: "Thot", role: "worker" });
  for (const given of ["", "token-of-hermesx", "token-of-herme", "TOKEN-OF-HERMES", toHash("token-of-thot")])
    expect(await findCaller(given)).toBeUndefined();
  await expect(findCaller("the-same-token")).rejects.toThrow("Imhotep and Seshat have the same token");
});

/** Sends a request with headers that fetch refuses to send. */
async function sendRawRequest(url: string, path: string, headers: Record<string, string>, method = "GET") {
  const raw = await openConnection(url);
  raw.socket.write(formatRequestHead(method, path, { connection: "close", "content-length": "0", ...headers }));
  return raw.ended;
}

const adminHeaders = { authorization: `Bearer ${RUNTIME_ADMIN_TOKEN}` };

test("Host (reliability 27): loopback names are taken, and any other is refused, also for public routes, unknown paths and those that only look like a webhook's", async () => {
  const { url } = await startTestRuntime();
  const getStatus = async (host: string, path = "/dead-letters") =>
    (await sendRawRequest(url, path, { ...adminHeaders, host })).status;
  const near = ["127.0.0.1.evil.example", "localhost.", "localhost@evil.example"];
  for (const host of ["evil.example", "192.168.1.7:8787", "", ...near])
    expect([400, 403], host).toContain(await getStatus(host));
  for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:8787", "[::1]:8787"])
    expect(await getStatus(host), host).toBe(200);
  for (const path of ["/health", "/nothing"]) expect(await getStatus("evil.example", path)).toBe(403);
  for (const path of ["/webhooks/../dead-letters", "/webhooks/%2e%2e/dead-letters", "//webhooks/../dead-letters"])
    expect([400, 403, 404], path).toContain(await getStatus("evil.example", path));
});

test("Host (reliability 27) that is not listed in ALLOWED_HOSTS is refused, loopback names too", async () => {
  const { url } = await startTestRuntime({ env: { ALLOWED_HOSTS: "crew.example.com,groundcrew:8787" } });
  const hosts = { "crew.example.com:443": 200, "groundcrew:8787": 200, "groundcrew:80": 403, "127.0.0.1": 403 };
  for (const [host, status] of Object.entries(hosts))
    expect((await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status, host).toBe(status);
});

test("Origin (reliability 27): only the page itself, and programs without an origin, may change anything, and a foreign one gets no CORS permission", async () => {
  const { url } = await startTestRuntime();
  const post = (at: string, origin: string, host = new URL(at).host) =>
    sendRawRequest(at, "/ticks/poll", { ...adminHeaders, host, origin }, "POST");
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"])
    expect((await post(url, origin)).status, origin).toBe(403);
  expect((await post(url, url)).status).toBe(200);
  expect((await sendRawRequest(url, "/ticks/poll", adminHeaders, "POST")).status).toBe(200);
  const { status, text } = await sendRawRequest(url, "/health", { origin: "https://evil.example" });
  expect(status).toBe(200);
  expect(text.toLowerCase()).not.toContain("access-control");
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
  expect((await sendRawRequest(url, "/ticks/poll", headers, "OPTIONS")).status).toBe(403);

  const proxied = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  expect((await post(proxied.url, "https://crew.example.com", "crew.example.com")).status).toBe(200);
  expect((await post(proxied.url, "http://crew.example.com", "crew.example.com")).status).toBe(403);
});

test("A token in the URL (reliability 27) is refused with how to send it, under any name and beside a valid one, and is not logged, nor is any other part of the URL", async () => {
  const { url, lines } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: BRIDGE_TOKEN } });
  const names = ["token", "access_token", "api_key", "key", "Authorization", "secret", "agent_token", "bridge-token"];
  const values = [RUNTIME_ADMIN_TOKEN, RUNTIME_TICK_TOKEN, BRIDGE_TOKEN].map((token) => `x=${token}`);
  for (const query of [...names.map((name) => `${name}=marked-query`), ...values]) {
    const response = await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
    expect(response.status, query).toBe(400);
    const answer = await response.text();
    expect(answer).toContain("Authorization: Bearer");
    expect(answer).not.toContain(RUNTIME_ADMIN_TOKEN);
  }
  await fetch(`${url}/${RUNTIME_ADMIN_TOKEN}/marked-path?x=marked-query`);
  const routes = lines.filter((line) => line["message"] === "request").map((line) => line["route"]);
  expect(new Set(routes)).toEqual(new Set(["/dead-letters", "none"]));
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${RUNTIME_ADMIN_TOKEN}|${BRIDGE_TOKEN}|marked`));
});

test("A query is refused above 50 parameters, whatever they are, and accepted with 50", async () => {
  const { url } = await startTestRuntime();
  const requestWith = async (count: number) => {
    const query = Array.from({ length: count }, (_, i) => `a${i}=1`).join("&");
    return (await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).status;
  };
  expect([await requestWith(50), await requestWith(51), await requestWith(1_500)]).toEqual([200, 400, 400]);
});
