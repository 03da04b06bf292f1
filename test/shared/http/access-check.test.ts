import { expect, test } from "vitest";
import { createHttpApp } from "../../../shared/http/http-app.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../../support/test-runtime.ts";

test.each([
  ["GET", "/ready"],
  ["GET", "/metrics"],
  ["GET", "/dead-letters"],
  ["POST", "/dead-letters/inbox/1/replay"],
  ["DELETE", "/dead-letters/inbox/1"],
  ["POST", "/ticks/poll"],
])("Access: %s %s needs a token, also on loopback", async (method, path) => {
  const { url } = await startTestRuntime();
  const response = await fetch(url + path, { method });
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toContain("Bearer");
});

test.each([
  "",
  "Bearer",
  "Bearer ",
  "Basic YWRtaW46YWRtaW4=",
  `Bearer ${RUNTIME_ADMIN_TOKEN}x`,
  `Bearer ${RUNTIME_ADMIN_TOKEN.slice(1)}`,
  RUNTIME_ADMIN_TOKEN,
  `Bearer x ${RUNTIME_ADMIN_TOKEN}`,
])("Access is refused for Authorization: %j", async (authorization) => {
  const { url } = await startTestRuntime();
  expect((await fetch(`${url}/dead-letters`, { headers: { authorization } })).status).toBe(401);
});

test.each([
  "/dead-letters/",
  "/dead-letters/nothing/here",
  "/metrics/x",
  "/audit/..;/x",
  "/agent/upload_deliverable/x",
  "/api/board/x",
])("Access to %s, below a route, needs a token although nothing answers there", async (path) => {
  const { url } = await startTestRuntime();
  expect((await fetch(url + path)).status).toBe(401);
});

test("Access needs no token for a path that only begins like a route", async () => {
  const { url } = await startTestRuntime();
  for (const path of ["/dead-lettersx", "/dead-letter", "/metrics.txt"])
    expect((await fetch(url + path)).status).toBe(404);
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

test("Access is granted to each of two valid tokens", async () => {
  const { url } = await startTestRuntime({ env: { ADMIN_TOKEN: "the-new-admin-token,the-old-admin-token" } });
  for (const token of ["the-new-admin-token", "the-old-admin-token"])
    expect((await fetch(`${url}/dead-letters`, createBearerHeaders(token))).status).toBe(200);
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
  const status = async (init: RequestInit) => (await app.request("http://localhost/agent/openapi.json", init)).status;
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
    return (await app.request("http://localhost/dead-letters")).status;
  };
  expect(await statusFrom("127.0.0.1")).toBe(200);
  expect(await statusFrom("::1")).toBe(200);
  expect(await statusFrom("192.168.1.7")).toBe(401);
  expect(await statusFrom("")).toBe(401);
});
