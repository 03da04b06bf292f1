import { expect, test } from "vitest";
import { createForwardRules, forwardHandler } from "../../functions/forward.ts";
import { figuresTick } from "../../functions/maintenance-ticks.ts";
import { digestTick } from "../../functions/telegram/digest/digest.ts";
import { createPrometheusMetrics } from "../../runtime/metrics/prometheus-metrics.ts";
import { readAgentDays } from "../../shared/accounting/history.ts";
import { localizeDuration } from "../../shared/i18n/localize.ts";
import { HOUR, MINUTE, SECOND } from "../../shared/time.ts";
import { createBridgeTokens, HTTP_ADMIN_TOKEN, serveTestApp } from "../support/http-test-app.ts";
import { startScriptedServer } from "../support/test-server.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";
import { createLiveMessagesApp } from "./telegram/live-messages-app.ts";

async function createApp() {
  const receiver = await startScriptedServer({ status: 204, body: "" });
  const app = await createLiveMessagesApp({
    config: {
      budget: { amount: 50, currency: "EUR" },
      plan: { approve: false },
      forward: [{ url: receiver.url, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", events: ["completed"] }],
    },
    setUpPlane: () => ({ ADMIN_TOKEN: HTTP_ADMIN_TOKEN, ...createBridgeTokens() }),
    parts: { jobHandlers: [forwardHandler], ruleSets: ({ forward }) => [createForwardRules(forward)] },
  });
  return { app: await serveTestApp(app), receiver };
}

type App = Awaited<ReturnType<typeof createApp>>["app"];

/** Calls a tool as an agent's program does, while the simulated clock runs. */
async function call(app: App, agent: string, tool: string, input: object): Promise<Record<string, unknown>> {
  const { status, json } = await app.callTool(agent, tool, input);
  expect(status, JSON.stringify(json)).toBe(200);
  await app.advanceAndDrain(2_000);
  return json as Record<string, unknown>;
}

async function work(app: App, agent: string, task: string, ms: number, cost: number) {
  await call(app, agent, "update_task_status", { task, status: "in_progress" });
  for (let left = ms; left > 0; left -= 10 * MINUTE) {
    app.advance(Math.min(left, 10 * MINUTE));
    await call(app, agent, "report", { task, percent: 50, cost });
  }
}

/** Reads a Prometheus value: the sum over all lines of the metric with this label. */
async function readMetric(app: App, name: string, label: string): Promise<number> {
  const { store, storeHealth } = app.deps;
  const { text } = await createPrometheusMetrics({ store, storeHealth, processMetrics: false }).scrape();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(label));
  expect(lines.length, name).toBeGreaterThan(0);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

test("The time spent and the cost of a task are the same on the card, in messages, the digest, the CSV, forwards, metrics, answers and by day", async () => {
  const { app, receiver } = await createApp();
  const item = app.addTask("Write the mail", ["Imhotep", "Thot"]);
  // The project is not completed with it, so the message is about the task alone.
  app.addTask("Read the answer");
  await app.poll();
  const task = app.toTaskKey(item);
  // One agent works, stops its timer for a while, and gives the task back; another one finishes it.
  await work(app, "Imhotep", task, 20 * MINUTE, 1);
  await call(app, "Imhotep", "stop_timer", { task });
  app.advance(7 * MINUTE);
  await call(app, "Imhotep", "start_timer", { task });
  app.advance(3 * MINUTE);
  await call(app, "Imhotep", "update_task_status", { task, status: "todo", text: "Not mine" });
  app.advance(HOUR);
  await app.advanceAndDrain(8_000);
  await work(app, "Thot", task, 31 * MINUTE, 0.5);
  await call(app, "Thot", "update_task_status", { task, status: "done", text: "Sent.", confidence: 0.9, cost: 0.75 });
  await app.advanceAndDrain(60_000);

  const csv = await (await app.request("/time.csv", HTTP_ADMIN_TOKEN)).text();
  const rows = csv.split("\r\n").map((row) => row.split(","));
  const secondsOf = (agent: string) =>
    rows.filter(([by]) => by === agent).reduce((sum, row) => sum + Number(row.at(-1)), 0);
  const [imhotep, thot] = [secondsOf("Imhotep"), secondsOf("Thot")];
  const seconds = imhotep + thot;
  expect(imhotep).toBeGreaterThan(23 * 60);
  expect(thot).toBeGreaterThan(31 * 60);
  expect(seconds).toBeLessThan(56 * 60);

  const details = await call(app, "Thot", "get_task_details", { task });
  expect(details["time"]).toMatchObject({ totals_s: { Imhotep: imhotep, Thot: thot } });
  expect(details["agent"]).toMatchObject({ cost: 1.75 });

  const clock = (s: number) => `0:${String(Math.floor(s / 60)).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  const [card] = app.readComments(item).filter((html) => html.includes("Agent card"));
  expect(card).toContain(`${clock(seconds)} (Imhotep ${clock(imhotep)}, Thot ${clock(thot)})`);
  expect(card).toContain("1.75 EUR (Imhotep 1, Thot 0.75)");

  const duration = localizeDuration("en", seconds * SECOND);
  expect(toPlainText(app.findMessage("✅ Completed: "))).toContain(duration);

  const forwarded = receiver.requests.map(({ body }) => JSON.parse(body));
  expect(forwarded).toHaveLength(1);
  expect(forwarded[0].data.item).toMatchObject({ key: task, timeSpentMs: seconds * SECOND, cost: 1.75 });

  expect(await readMetric(app, "groundcrew_time_seconds_total", 'agent="Imhotep"')).toBe(imhotep);
  expect(await readMetric(app, "groundcrew_time_seconds_total", 'agent="Thot"')).toBe(thot);
  expect(await readMetric(app, "groundcrew_cost_total", 'project="ONB"')).toBe(1.75);
  const days = [await readAgentDays(app.deps, "Imhotep", 1), await readAgentDays(app.deps, "Thot", 1)];
  expect(days).toMatchObject([[{ ms: imhotep * SECOND, cost: 1 }], [{ ms: thot * SECOND, cost: 0.75 }]]);

  await app.sendMessage(`/plane task ${task}`);
  expect(toPlainText(app.getBotMessages().at(-1))).toContain(duration);

  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(5_000);
  const digest = toPlainText(app.getBotMessages().at(-1));
  expect(digest).toContain(`${task} Write the mail – Thot, ${duration}, €1.75`);
  expect(digest).toContain("€1.75 spent + €0.00 estimated for open tasks, of €50.00 (4%)");

  await figuresTick.run(app.deps);
  expect(await readMetric(app, "groundcrew_budget_spent", 'source="agents"')).toBe(1.75);
  expect(await readMetric(app, "groundcrew_confidence", 'agent="Thot",period="week"')).toBe(0.9);
});
