import { expect, test } from "vitest";
import { createPrometheusMetrics } from "../../../runtime/metrics/prometheus-metrics.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

/** The value of a sample, named with its labels; undefined when there is none. */
function readSample(text: string, sample: string): number | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length));
}

/** The samples of metrics whose names begin with `plane_`, without those about requests to Plane. */
function listSamples(text: string): string[] {
  return text.split("\n").filter((line) => /^plane_(?!api)/.test(line) && !line.includes("_bucket"));
}

test("Metrics count pending, active and completed tickets, approvals, completions and updates, under their names", async () => {
  const app = await createTicketsApp();
  const storeHealth = { getFailure: () => undefined };
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
    'plane_updates_total{status="failed_state"} 0',
    'plane_updates_total{status="success"} 1',
  ]);
  // The runner's last exchange counted for a minute.
  expect((await scrape()).text).toContain("\ngroundcrew_ticket_runners 0\n");
});

test("Metrics tell how long tickets wait and for what, who runs them, how many were rejected, and failures in a row", async () => {
  const app = await createTicketsApp();
  const storeHealth = { getFailure: () => undefined };
  const options = { store: app.deps.store, storeHealth, processMetrics: false, maxSessions: 5 };
  const { metrics, scrape } = createPrometheusMetrics(options);
  app.deps.metrics = metrics;
  const read = async (...samples: string[]) => {
    const { text } = await scrape();
    return samples.map((sample) => readSample(text, sample));
  };
  const waits = ["approval", "question", "result", "runner"].map(
    (kind) => `groundcrew_ticket_wait_seconds{kind="${kind}"}`,
  );
  const counts = ["pending", "approved", "waiting", "completed"].map((state) => `groundcrew_tickets{state="${state}"}`);
  // Every series exists from the beginning, so that the first change is seen.
  expect(await read(...waits, ...counts)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(
    await read(
      "groundcrew_tickets_rejected_total",
      'plane_updates_total{status="success"}',
      "groundcrew_session_failures",
      "groundcrew_sessions_limit",
      'groundcrew_runner_sessions{runner="vps"}',
    ),
  ).toEqual([0, 0, 0, 5, undefined]);

  for (let i = 0; i < 3; i += 1) await app.requestTicket();
  app.advance(100_000);
  await app.call("/api/reject/ONB-3", { reason: "Not now" });
  await app.call("/api/approve/ONB-1");
  app.advance(20_000);
  const [approval = 0, ...others] = await read(...waits);
  expect(approval).toBeGreaterThanOrEqual(120);
  expect(others).toEqual([0, 0, 20]);
  expect(await read(...counts, "groundcrew_tickets_rejected_total")).toEqual([1, 1, 0, 0, 1]);

  await app.exchange();
  await app.exchange([createSession()]);
  expect(await read('groundcrew_runner_sessions{runner="vps"}', ...waits.slice(1))).toEqual([1, 0, 0, 0]);
  for (const [i, reason] of (["killed", "vanished"] as const).entries()) {
    const started_at = `2026-11-21T08:0${i}:10.000Z`;
    await app.exchange([createSession({ started_at, state: "ended", exit: { reason } })]);
    expect(await read("groundcrew_session_failures")).toEqual([i + 1]);
    app.advance(60_000);
    await app.exchange();
  }
  const last = { started_at: "2026-11-21T08:05:10.000Z" };
  await app.exchange([createSession(last)]);
  // A session that ends by itself asks a person.
  await app.exchange([createSession({ ...last, state: "ended", exit: { reason: "exited", status: 0 } })]);
  app.advance(10_000);
  expect(await read(...waits.slice(1), 'groundcrew_tickets{state="waiting"}')).toEqual([10, 0, 0, 1]);
  await app.call("/api/sessions/ONB-1/complete", { summary: "Done" });
  app.advance(30_000);
  expect(await read("groundcrew_session_failures", ...waits.slice(1))).toEqual([0, 0, 30, 0]);
});
