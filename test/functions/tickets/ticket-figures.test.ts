import { expect, test } from "vitest";
import { createPrometheusMetrics } from "../../../runtime/metrics/prometheus-metrics.ts";
import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import { refreshBudget } from "../../../shared/tasks/forecast.ts";
import { DAY } from "../../../shared/time.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

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
