import { expect, test } from "vitest";
import { createPrometheusMetrics } from "../../../runtime/metrics/prometheus-metrics.ts";
import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import { refreshBudget } from "../../../shared/tasks/forecast.ts";
import { DAY } from "../../../shared/time.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createSession, createTicketsApp, RUNNER_TOKEN } from "./tickets-app.ts";

const TEXT = expect.any(String);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/);
const ITEM = { id: "ONB-1", uuid: UUID, project: "ONB", title: "Write it down", url: TEXT, reason: TEXT };
const ADMIN = { authorization: `Bearer ${HTTP_ADMIN_TOKEN}` };

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

const sendText = (body: string | Uint8Array<ArrayBuffer>) => ({
  body,
  headers: { ...ADMIN, "content-type": "application/json" },
});
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
  for (const route of ["GET /api/pending-tickets", "POST /api/approve/ONB-1"]) {
    const [method = "", path = ""] = route.split(" ");
    const init = { method, headers: { origin: listedOrigin } };
    const { status, headers } = await app.request(path, HTTP_ADMIN_TOKEN, init);
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, listedOrigin]);
    expect(headers.get("access-control-allow-credentials")).toBeNull();
  }
});

const BUDGET = { config: { budget: { amount: 50, currency: "USD" } } };

test("The cost of today is in the configured time zone, and begins at 0 with the next day", async () => {
  const app = await createTicketsApp({}, { ...BUDGET, env: { TIMEZONE: "Pacific/Kiritimati" } });
  await app.requestTicket();
  await app.runSession();
  expect(await app.read("/api/sessions")).toMatchObject({ configured: true, cost_today: { cost_usd: 0 } });
  await app.exchange([createSession({ cost_usd: 1.25 })]);
  const { cost_today } = await app.read("/api/sessions");
  const today = new Date(await app.deps.store.now()).toLocaleDateString("sv-SE", { timeZone: "Pacific/Kiritimati" });
  expect(cost_today).toEqual({ day: today, cost_usd: 1.25 });
  app.advance(DAY);
  await app.exchange([createSession({ cost_usd: 1.5 })]);
  expect((await app.read("/api/sessions")).cost_today).toMatchObject({ cost_usd: 0.25 });
  const team = await app.read("/api/team");
  expect(team.tickets.month).toBe(1.5);
  expect(team.tickets.days.slice(-2).map(({ cost }: { cost: number }) => cost)).toEqual([1.25, 0.25]);
});

test("Over an agent's report and a ticket's session, the month's budget has each cost once, by source", async () => {
  const app = await createTicketsApp({}, BUDGET);
  await app.requestTicket("Write it down", { assignees: [app.getUser("Thot")] });
  await app.actAs("Thot").report("ONB-1", { cost: 2 });
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  for (const cost_usd of [0.5, 0.5, 0.75]) await app.exchange([createSession({ cost_usd })]);
  await app.actAs("Thot").report("ONB-1", { cost: 3 });
  expect(await readMonthlySpending(app.deps)).toMatchObject({ cost: 3.75, sources: { agents: 3, tickets: 0.75 } });
  await refreshBudget(app.deps);
  expect((await app.read("/api/board")).budget).toMatchObject({ spent: 3.75, tickets: 0.75 });
});

test("Metrics count pending, active and completed tickets, approvals, completions and updates, under their names", async () => {
  const app = await createTicketsApp();
  const storeHealth = { getFailure: () => undefined };
  const { metrics, scrape } = createPrometheusMetrics({ store: app.deps.store, storeHealth, processMetrics: false });
  app.deps.metrics = metrics;
  for (let i = 0; i < 3; i += 1) await app.requestTicket();
  for (const key of ["ONB-1", "ONB-2"]) await app.call(`/api/approve/${key}`);
  await app.exchange();
  await app.exchange([createSession()]);
  expect((await scrape()).text).toContain("\ngroundcrew_ticket_runners 1\n");
  app.advance(90_000);
  await app.complete("Done");
  app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 400 }, 1);
  await app.call("/api/update-plane/ONB-1");
  expect((await scrape()).text).toContain("\nplane_completed_tickets 1\n");
  await app.call("/api/update-plane/ONB-1");
  const samples = (await scrape()).text.split("\n").filter((line) => /^plane_(?!api)/.test(line));
  expect(samples.filter((line) => !line.includes("_bucket")).sort()).toEqual([
    "plane_active_sessions 1",
    "plane_completed_tickets 0",
    "plane_pending_tickets 1",
    "plane_session_duration_seconds_count 1",
    "plane_session_duration_seconds_sum 90",
    "plane_tickets_approved_total 2",
    "plane_tickets_completed_total 1",
    'plane_updates_total{status="failed_comment"} 1',
    'plane_updates_total{status="failed_state"} 0',
    'plane_updates_total{status="success"} 1',
  ]);
  // The runner's last exchange counted for a minute.
  expect((await scrape()).text).toContain("\ngroundcrew_ticket_runners 0\n");
});
