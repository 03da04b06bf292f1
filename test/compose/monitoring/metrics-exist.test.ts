import { expect, test } from "vitest";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import { createFetchClient } from "../../reliability/agent-clients.ts";
import { startRuntimeWithAgents } from "../../reliability/runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN, toAgentToken } from "../../reliability/simulators.ts";
import { createBearerHeaders } from "../../support/test-runtime.ts";
import { findMetrics, findUnknownNames, listDashboardQueries, listRuleQueries, parseMetrics } from "./queries.ts";

const RUNNER_TOKEN = "runner-token-of-these-tests";

/**
 * Starts the product with Plane, Telegram, two agents and a budget, and lets them work: webhooks, a finished task with
 * time, cost and confidence, a claim that expires, a canary, a failed request to Plane, a runner. Returns its metrics.
 */
async function runWorkingProduct(): Promise<string> {
  const config = {
    ...{ budget: { amount: 50, currency: "EUR" }, canary: { project: "ONB" }, wake_backlog: true },
    // No task of these tests requests a ticket.
    tickets: { repositories: { ONB: "/srv/onb" }, labels: ["session"] },
  };
  const wake = { kind: "openclaw" };
  const bridge = await startRuntimeWithAgents({ agents: ["Concierge", "Thot"], config, wake });
  const [first, second] = ["Write the mail", "Read the answer"].map((name) => bridge.addTask(name, "Thot"));
  const telegram = Object.entries(bridge.env).filter(([name]) => name.startsWith("TELEGRAM_"));
  const runtime = await bridge.startRuntimeAndPoll({
    ...Object.fromEntries(telegram),
    // No gateway listens there, so wakes fail.
    OPENCLAW_URL: "http://127.0.0.1:1",
    OPENCLAW_HOOK_TOKEN: "hook-token-of-these-tests",
    RUNNER_TOKEN,
  });
  const headers = createBearerHeaders(RELIABILITY_ADMIN_TOKEN);
  const runTick = (name: string) => fetch(`${runtime.url}/ticks/${name}`, { method: "POST", ...headers });
  const thot = await createFetchClient(runtime.url, toAgentToken("Thot"));
  const callAsThot = async (tool: string, input: Record<string, unknown>) =>
    expect(await thot.call(tool, input)).toHaveProperty("answer");
  const deliverWebhooks = async (signature?: string) => {
    for (const body of bridge.takeWebhookBodies()) {
      const delivery = { method: "POST", headers: bridge.createDeliveryHeaders(body, signature), body };
      await fetch(`${runtime.url}/webhooks/plane`, delivery);
    }
    await runtime.deps.drain();
  };

  const task = `ONB-${first?.sequence_id}`;
  await callAsThot("update_task_status", { task, status: "in_progress" });
  bridge.advance(5 * MINUTE);
  await callAsThot("report", { task, percent: 50, cost: 2 });
  await callAsThot("update_task_status", { task, status: "done", text: "Sent, read twice.", confidence: 0.9, cost: 2 });
  await deliverWebhooks();
  bridge.addTask("Read the book", "Thot");
  bridge.plane.runWorker();
  await deliverWebhooks("sha256=forged");

  await runTick("claims");
  await callAsThot("claim_task", { task: `ONB-${second?.sequence_id}` });
  for (let minutes = 0; minutes < 17; minutes += 1) {
    bridge.advance(MINUTE);
    await runTick("claims");
  }
  await runTick("canary");
  await deliverWebhooks();
  bridge.plane.faults.add({ path: "/api/v1/" }, { kind: "status", status: 503 }, 1);
  await runTick("poll");
  for (let minutes = 0; minutes < 3; minutes += 1) {
    bridge.advance(MINUTE);
    await runtime.deps.drain();
  }
  await runTick("figures");
  const runner = createBearerHeaders(RUNNER_TOKEN).headers;
  const observed = { runner: "vps", instance: crypto.randomUUID(), version: "0.2.0", repositories: ["ONB"] };
  const exchanged = await fetch(`${runtime.url}/api/runner/exchange`, {
    ...{ method: "POST", headers: { ...runner, "Content-Type": "application/json" } },
    body: JSON.stringify({ ...observed, seen: "", wait_ms: 0, sessions: [] }),
  });
  expect(exchanged.status).toBe(200);
  await bridge.plane.takeDown();
  bridge.advance(31 * SECOND);
  await runTick("plane");
  await bridge.plane.bringUp();
  await runTick("plane");
  await runtime.deps.drain();
  return (await fetch(`${runtime.url}/metrics`, headers)).text();
}

const FAMILIES = /^(groundcrew|plane)_/;

test("MONITOR-03 MONITOR-04 The metrics of a product in which agents work contain every name that dashboards and alerts use", async () => {
  const reported = parseMetrics(await runWorkingProduct());
  const queries = listDashboardQueries("prometheus");
  expect(queries.filter(({ expression }) => findMetrics(expression, FAMILIES).length > 0).length).toBeGreaterThan(40);
  expect(findUnknownNames(reported, queries, FAMILIES)).toEqual([]);
  expect(listRuleQueries().length).toBeGreaterThan(20);
  expect(findUnknownNames(reported, listRuleQueries(), FAMILIES)).toEqual([]);
  // What does not exist is found.
  const wrong = [
    "max(groundcrew_plane_down)",
    "sum by (color) (groundcrew_tasks)",
    'groundcrew_tasks{agent="Thot"}',
    'groundcrew_tasks{status="asleep"}',
  ].map((expression) => ({ place: "a panel", expression, shownLabels: [] }));
  expect(findUnknownNames(reported, wrong, FAMILIES)).toEqual([
    "a panel: groundcrew_plane_down",
    "a panel: groundcrew_tasks color",
    "a panel: groundcrew_tasks agent",
    "a panel: groundcrew_tasks agent=Thot",
    "a panel: groundcrew_tasks status=asleep",
  ]);
});
