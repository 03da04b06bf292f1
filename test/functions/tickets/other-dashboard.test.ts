import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createTicketsApp } from "./tickets-app.ts";

const LISTED = "https://ops.example.com";

async function createAppWithDashboard() {
  const app = await createTicketsApp({}, { env: { ALLOWED_ORIGINS: LISTED } });
  await app.requestTicket();
  const send = (path: string, origin: string, method = "POST", headers: Record<string, string> = {}) =>
    app.request(path, HTTP_ADMIN_TOKEN, { method, headers: { origin, ...headers } });
  return { app, send };
}

test("A dashboard of ALLOWED_ORIGINS asks before its request, and may read the answer", async () => {
  const { app, send } = await createAppWithDashboard();
  const preflight = await fetch(`${app.url}/api/approve/ONB-1`, {
    method: "OPTIONS",
    headers: {
      origin: LISTED,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    },
  });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, LISTED]);
  expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
  const listed = await send("/api/pending-tickets", LISTED, "GET");
  expect([listed.status, listed.headers.get("access-control-allow-origin")]).toEqual([200, LISTED]);
  const approved = await send("/api/approve/ONB-1", LISTED);
  expect([approved.status, approved.headers.get("access-control-allow-origin")]).toEqual([200, LISTED]);
  expect(approved.headers.get("access-control-allow-credentials")).toBeNull();
});

test("Without a token a dashboard reads the error only; another origin, and other routes, are refused", async () => {
  const { app, send } = await createAppWithDashboard();
  const refused = await fetch(`${app.url}/api/pending-tickets`, { headers: { origin: LISTED } });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, LISTED]);
  expect((await send("/api/approve/ONB-1", "https://evil.example")).status).toBe(403);
  const read = await send("/api/pending-tickets", "https://evil.example", "GET");
  expect(read.headers.get("access-control-allow-origin")).toBeNull();
  expect((await send("/api/runner/exchange", LISTED)).status).toBe(403);
  expect((await send("/ticks/poll", LISTED)).status).toBe(403);
});
