import { createHash } from "node:crypto";
import { expect, onTestFinished, test, vi } from "vitest";
import { manifest } from "../../../functions/index.ts";
import type { AgentTokens } from "../../../shared/config/settings.ts";
import { createTokenLookup } from "../../../shared/http/access.ts";
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
  const headers = { "content-type": "application/json" };
  const signIn = (token: string) =>
    fetch(`${url}/api/session`, { method: "POST", headers, body: JSON.stringify({ token }) });
  const callHook = () => {
    const authorization = `Bearer ONB-1.${"0".repeat(64)}`;
    const init = { method: "POST", headers: { ...headers, authorization }, body: "{}" };
    return fetch(`${url}/api/runner/sessions/ONB-1/hooks`, init);
  };
  for (let i = 0; i < 10; i += 1)
    expect([(await signIn("guess")).status, (await callHook()).status]).toEqual([401, 401]);
  expect([(await signIn("guess")).status, (await callHook()).status]).toEqual([429, 429]);
  expect(await guess(url, 1, ["/mcp"])).toEqual([429]);
  expect((await signIn(RUNTIME_ADMIN_TOKEN)).status).toBe(200);
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

function createCallerLookup(agentTokens: AgentTokens[]) {
  const others = { adminTokens: [], tickTokens: [], alertsTokens: [], runnerTokens: [] };
  const findHolder = createTokenLookup({ ...others, agentTokens });
  return async (token: string) => (await findHolder(token))?.caller;
}

test("A bridge token identifies its agent, also during a rotation and when only its hash is stored; one that is unknown or shared identifies nobody", async () => {
  const toHash = (token: string) => `sha256:${createHash("sha256").update(token).digest("hex")}`;
  const findCaller = createCallerLookup([
    { agent: "Hermes", role: "concierge", tokens: ["token-of-hermes", "old-token-of-hermes"] },
    { agent: "Thot", role: "worker", tokens: [toHash("token-of-thot")] },
    { agent: "Imhotep", role: "worker", tokens: ["the-same-token"] },
    { agent: "Seshat", role: "worker", tokens: [toHash("the-same-token")] },
  ]);
  const hermes = { name: "Hermes", role: "concierge" };
  for (const token of ["token-of-hermes", "old-token-of-hermes"]) expect(await findCaller(token)).toEqual(hermes);
  expect(await findCaller("token-of-thot")).toEqual({ name: "Thot", role: "worker" });
  for (const given of ["", "token-of-hermesx", "token-of-herme", "TOKEN-OF-HERMES", toHash("token-of-thot")])
    expect(await findCaller(given)).toBeUndefined();
  await expect(findCaller("the-same-token")).rejects.toThrow("Imhotep and Seshat have the same token");
});
