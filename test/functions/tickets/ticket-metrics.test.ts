import { expect, test } from "vitest";
import { createPrometheusMetrics } from "../../../runtime/metrics/prometheus-metrics.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

/** The samples of metrics whose names begin with `plane_`, without those about requests to Plane. */
function listSamples(text: string): string[] {
  return text.split("\n").filter((line) => /^plane_(?!api)/.test(line) && !line.includes("_bucket"));
}

test("Metrics count pending, active and completed tickets, approvals, completions and updates, under their names", async () => {
  const app = await createTicketsApp();
  const storeHealth = { getWriteFailure: () => undefined };
  const { metrics, scrape } = createPrometheusMetrics({ store: app.deps.store, storeHealth, processMetrics: false });
  app.deps.metrics = metrics;
  await app.requestTicket();
  await app.requestTicket();
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  await app.call("/api/approve/ONB-2");
  await app.exchange();
  await app.exchange([createSession()]);
  expect((await scrape()).text).toContain("\ngroundcrew_ticket_runners 1\n");
  app.advance(90_000);
  await app.call("/api/sessions/ONB-1/complete", { summary: "Done" });
  app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 400 }, 1);
  await app.call("/api/update-plane/ONB-1");
  expect((await scrape()).text).toContain("\nplane_completed_tickets 1\n");
  await app.call("/api/update-plane/ONB-1");
  expect(listSamples((await scrape()).text).sort()).toEqual([
    "plane_active_sessions 1",
    "plane_completed_tickets 0",
    "plane_pending_tickets 1",
    "plane_session_duration_seconds_count 1",
    "plane_session_duration_seconds_sum 90",
    "plane_tickets_approved_total 2",
    "plane_tickets_completed_total 1",
    'plane_updates_total{status="failed_comment"} 1',
    'plane_updates_total{status="success"} 1',
  ]);
  // The runner's last exchange counted for a minute.
  expect((await scrape()).text).toContain("\ngroundcrew_ticket_runners 0\n");
});
