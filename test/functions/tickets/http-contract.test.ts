import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createSession, createTicketsApp, RUNNER_TOKEN } from "./tickets-app.ts";

const TEXT = expect.any(String);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/);
const ITEM = { id: "ONB-1", uuid: UUID, project: "ONB", title: "Write it down", url: TEXT, reason: TEXT };
const ADMIN = { authorization: `Bearer ${HTTP_ADMIN_TOKEN}` };
const JSON_TYPE = { "content-type": "application/json" };

test("The HTTP API of tickets has the paths and fields of the orchestrator that it replaces", async () => {
  const app = await createTicketsApp({}, { env: { ALLOW_TEST_TICKETS: "1" } });
  const { id: uuid } = app.addTask("Write it down");
  app.dropWebhooks();
  const counts = { pending_count: 0, active_count: 0, completed_count: 0 };
  expect(await app.readHealth()).toMatchObject({ status: "healthy", tmux_service: false, ...counts });

  const fields = { id: "ONB-1", uuid, project_id: app.onb.id, title: "Write it down", description: "All of it" };
  const created_at = "2026-02-28T10:00:00.000Z";
  const added = await app.call("/api/test/add-ticket", { ...fields, trigger_type: "new_ticket", created_at });
  const pending = { ...fields, created_at, state: "pending", trigger_type: "test", hash: TEXT, run: 0 };
  expect(added).toMatchObject({ status: 200, json: pending });
  expect(await app.read("/api/pending-tickets")).toEqual({ count: 1, tickets: [added.json] });
  expect(await app.readHealth()).toMatchObject({ ...counts, pending_count: 1 });

  // As `curl -X POST` sends it: neither a body nor its type.
  const approved = await fetch(`${app.url}/api/approve/ONB-1`, { method: "POST", headers: ADMIN });
  const approval = await approved.json();
  const sessionIds = { session_id: "claude-ONB-1", conversation_id: UUID };
  expect([approved.status, approval]).toEqual([200, { ...sessionIds, ticket_id: "ONB-1", created_at: TIME }]);
  expect(await app.call("/api/approve/ONB-1")).toEqual({ status: 200, json: approval });
  await app.exchange();
  await app.exchange([createSession()]);
  expect(await app.readHealth()).toMatchObject({ ...counts, tmux_service: true, active_count: 1 });
  const session = { ...ITEM, state: "running", run: 1, name: "claude-ONB-1", approved_by: "admin", questions: [] };
  expect(await app.read("/api/sessions")).toMatchObject({
    count: 1,
    sessions: [{ ...session, ...sessionIds, approved_at: TIME, started_at: TIME, ends_at: TIME, runner: "vps" }],
    runners: [{ name: "vps", version: TEXT, repositories: ["ONB"], seen_at: TIME }],
  });

  const completed = await app.complete("First words");
  expect(completed).toEqual({ status: 200, json: { ticket_id: "ONB-1", state: "completed" } });
  const result = { ...ITEM, state: "completed", run: 1, summary: "First words", source: "person", completed_at: TIME };
  expect(await app.read("/api/completed-tickets")).toMatchObject({
    count: 1,
    tickets: [{ ...result, ...sessionIds, seconds: 0, comment_posted: false, state_updated: false }],
    updated_count: 0,
    updated: [],
  });
  expect(await app.readHealth()).toMatchObject({ ...counts, completed_count: 1 });

  const written = { status: "updated", ticket_id: "ONB-1", comment_posted: true, state_updated: true };
  for (const summary of ["Final words", "Final words", "Other words"])
    expect(await app.call("/api/update-plane/ONB-1", { summary })).toEqual({ status: 200, json: written });
  const comments = app.readComments({ id: uuid }).filter((comment) => comment.includes("words"));
  expect(comments).toEqual([expect.stringContaining("Final words")]);
  expect(app.readPlaneItem({ id: uuid }).state).toBe("Done");
  expect(await app.read("/api/completed-tickets")).toMatchObject({
    ...{ count: 0, tickets: [], updated_count: 1 },
    updated: [{ ...result, ...sessionIds, state: "done", summary: "Final words", comment_posted: true }],
  });
  expect(await app.readHealth()).toMatchObject({ ...counts, completed_count: 0 });

  const { id: other } = app.addTask("Another");
  await app.call("/api/test/add-ticket", { ...fields, id: "ONB-2", uuid: other });
  for (const reason of ["Too vague", "Again"]) {
    const rejected = { status: 200, json: { ticket_id: "ONB-2", state: "rejected" } };
    expect(await app.call("/api/reject/ONB-2", { reason })).toEqual(rejected);
  }
  expect((await app.call("/api/test/add-ticket", { ...fields, id: "ONB-2", uuid: other })).json.state).toBe("pending");
});

const sendText = (body: string | Uint8Array<ArrayBuffer>) => ({ body, headers: { ...ADMIN, ...JSON_TYPE } });
const sendJson = (body: unknown) => sendText(JSON.stringify(body));
const sendToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** Requests that are refused: status, method and path, the rest of the request, and what the message names. */
const REFUSALS: [number, string, RequestInit, RegExp][] = [
  [401, "POST /api/approve/ONB-1", {}, /send ADMIN_TOKEN/],
  [401, "GET /api/pending-tickets", sendToken("a-token-of-nobody"), /send ADMIN_TOKEN/],
  [403, "POST /api/reject/ONB-1", sendToken(RUNNER_TOKEN), /requires ADMIN_TOKEN/],
  [403, "POST /api/test/add-ticket", sendJson({}), /Set ALLOW_TEST_TICKETS=1/],
  [403, "POST /api/approve/ONB-1", { headers: { ...ADMIN, origin: "https://evil.example" } }, /ALLOWED_ORIGINS/],
  [404, "POST /api/approve/ONB-99", { headers: ADMIN }, /GET \/api\/pending-tickets/],
  [404, "POST /api/sessions/ONB-99/cancel", { headers: ADMIN }, /GET \/api\/pending-tickets/],
  [405, "GET /api/approve/ONB-1", { headers: ADMIN }, /Allowed: POST/],
  [409, "POST /api/update-plane/ONB-1", { headers: ADMIN }, /only a completed ticket/],
  [409, "POST /api/approve/ONB-1", sendJson({ hash: "0123456789abcdef" }), /Read it again/],
  [409, "POST /api/sessions/ONB-1/complete", sendJson({ summary: "Done" }), /no session runs/],
  [413, "POST /api/reject/ONB-1", sendJson({ reason: "x".repeat(300_000) }), /262144 bytes/],
  [415, "POST /api/reject/ONB-1", { headers: ADMIN, body: new URLSearchParams({ reason: "x" }) }, /application\/json/],
  [400, "POST /api/approve/ONB%2F1", { headers: ADMIN }, /such as ONB-12/],
  [400, "POST /api/approve/..%2Fx", { headers: ADMIN }, /such as ONB-12/],
  [400, "POST /api/reject/ONB-1", sendText("{"), /JSON/],
  [400, "POST /api/reject/ONB-1", sendText(new Uint8Array([34, 255, 34])), /UTF-8/],
  [400, "POST /api/update-plane/ONB-1", sendJson({ summary: 7 }), /at summary/],
];

test("Each refusal of the HTTP API of tickets says in a sentence what to do, and changes nothing", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  for (const [status, request, init, message] of REFUSALS) {
    const [method = "", path] = request.split(" ");
    const response = await fetch(`${app.url}${path}`, { method, ...init });
    const answer = (await response.json()) as { error?: { message: string } };
    const error = { code: expect.stringMatching(/^[a-z_]+$/), message: expect.stringMatching(message) };
    expect.soft([response.status, answer], request).toEqual([status, { error: expect.objectContaining(error) }]);
    expect.soft(answer.error?.message, request).toMatch(/^[A-Z"].*\.$/s);
  }
  const tickets = [{ run: 0, reason: "requested_created" }];
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1, tickets });
});

test("A dashboard of ALLOWED_ORIGINS asks before its request, and may read the answer", async () => {
  const listedOrigin = "https://ops.example.com";
  const app = await createTicketsApp({}, { env: { ALLOWED_ORIGINS: listedOrigin } });
  await app.requestTicket();
  const asked = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
  const options = { method: "OPTIONS", headers: { origin: listedOrigin, ...asked } };
  const preflight = await fetch(`${app.url}/api/approve/ONB-1`, options);
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, listedOrigin]);
  expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
  for (const [method, path] of [
    ["GET", "/api/pending-tickets"],
    ["POST", "/api/approve/ONB-1"],
  ] as const) {
    const init = { method, headers: { origin: listedOrigin } };
    const { status, headers } = await app.request(path, HTTP_ADMIN_TOKEN, init);
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, listedOrigin]);
    expect(headers.get("access-control-allow-credentials")).toBeNull();
  }
});
