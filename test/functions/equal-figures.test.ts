import { expect, onTestFinished, test } from "vitest";
import type { TeamAnswer } from "../../functions/dashboard/team-route.ts";
import { createForwardRules, forwardHandler } from "../../functions/forward.ts";
import { figuresTick } from "../../functions/maintenance-ticks.ts";
import { cyclesTick } from "../../functions/poll/poll-tick.ts";
import { digestTick } from "../../functions/telegram/digest/digest.ts";
import { createPrometheusMetrics } from "../../runtime/metrics/prometheus-metrics.ts";
import { readAgentDays } from "../../shared/accounting/history.ts";
import { localizeDuration } from "../../shared/i18n/localize.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../shared/time.ts";
import { createBridgeTokens, HTTP_ADMIN_TOKEN, serveTestApp } from "../support/http-test-app.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";
import { createLiveMessagesApp } from "./telegram/live-messages-app.ts";

const FORWARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async function createApp() {
  const receiver = await startScriptedServer({ status: 204, body: "" });
  onTestFinished(() => receiver.close());
  const app = await createLiveMessagesApp({
    config: {
      budget: { amount: 50, currency: "EUR" },
      plan: { approve: false },
      forward: [{ url: `${receiver.url}/hook`, secret: FORWARD_SECRET, events: ["completed"] }],
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

/** Adds all tasks of a project to a cycle that is current. */
async function addToCurrentCycle(app: App, name: string) {
  const project = app.plane.projects().find((one) => one.name === name);
  if (!project) throw new Error(`There is no project ${name}.`);
  app.plane.editProject(project, { cycle_view: true });
  const toDay = (days: number) => new Date(app.time.now + days * DAY).toISOString().slice(0, 10);
  const cycle = app.plane.addCycle(project, { name: "Sprint 1", start_date: toDay(-1), end_date: toDay(7) });
  app.plane.addToCycle(cycle, app.plane.items(project));
  await cyclesTick.run(app.deps);
  await app.advanceAndDrain(2_000);
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
  const rows = csv
    .trim()
    .split("\r\n")
    .slice(1)
    .map((row) => row.split(","));
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
  for (const [agent, spent, cost] of [
    ["Imhotep", imhotep, 1],
    ["Thot", thot, 0.75],
  ] as const)
    expect(await readAgentDays(app.deps, agent, 1)).toMatchObject([{ ms: spent * SECOND, cost }]);

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

test("The budget is the same in plan_project, /plane status, the digest, on the page and in the metrics", async () => {
  const { app } = await createApp();
  await app.addWish();
  const plan = {
    project: "Launch",
    tasks: [
      { id: "a", title: "Write", assignee: "Thot", estimate: { minutes: 60, cost: 8 } },
      { id: "b", title: "Send", assignee: "Thot", blocked_by: ["a"], estimate: { cost: 12 } },
      { id: "c", title: "Think", assignee: "Imhotep" },
    ],
  };
  const first = await call(app, "Concierge", "plan_project", plan);
  expect(first["cost"]).toEqual({ estimated: 20, unknown: 1, spent: 0, open: 0, budget: 50, currency: "EUR" });
  await app.advanceAndDrain(60_000);
  const [key] = (await call(app, "Concierge", "plan_project", plan))["done"] as string[];
  await work(app, "Thot", key ?? "", 10 * MINUTE, 3);

  const repeated = await call(app, "Concierge", "plan_project", plan);
  // Of the 8 for the first task 3 are spent: nothing is counted twice.
  expect(repeated["cost"]).toEqual({ estimated: 20, unknown: 1, spent: 3, open: 17, budget: 50, currency: "EUR" });
  expect(repeated["warnings"]).not.toContainEqual(expect.stringContaining("over budget"));
  const text = "€3.00 spent + €17.00 estimated for open tasks, of €50.00 (40%), cost of 1 open task unknown";
  await app.sendMessage("/plane status");
  const status = toPlainText(app.getBotMessages().at(-1));
  expect(status).toContain(`💶 Budget for November: ${text}`);
  const forecast = "🔮 Forecast for open tasks: about 49 min, €17.00, not enough data for 1 task";
  expect(status).toContain(forecast);
  await addToCurrentCycle(app, "Launch");
  await app.sendMessage("/plane cycle");
  expect(toPlainText(app.getBotMessages().at(-1))).toContain(forecast);
  await figuresTick.run(app.deps);
  const board = await (await app.request("/api/board", HTTP_ADMIN_TOKEN)).json();
  expect(board).toMatchObject({ budget: { spent: 3, open: 17, unknown: 1, amount: 50, currency: "EUR", share: 0.4 } });
  expect(await readMetric(app, "groundcrew_budget_spent", "agents")).toBe(3);
  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(5_000);
  const digest = toPlainText(app.getBotMessages().at(-1));
  expect(digest).toContain(text);
  // The claim has expired: the timer ran until its end.
  expect(digest).toContain("Thot: 2 open tasks, about 34 min, €17.00 (2 planned estimates)");
});

test("AGENT-03 tokens and cost are the gateway's where it gives them, else as reported, which Team, digest and budget say", async () => {
  const { app } = await createApp();
  const tasks = ["Write the mail", "Read the answer"].map((name) => app.toTaskKey(app.addTask(name, "Thot")));
  const [task = "", other = ""] = tasks;
  await app.poll();
  const from = app.time.now;
  const post = async (agentId: string, totalTokens: number, totalCost: number) => {
    const usage = { totalTokens, totalCost, firstActivity: from, lastActivity: app.time.now, input: 1 };
    const body = JSON.stringify({ sessions: [{ key: "agent:thot:hook:1", agentId, sessionId: "s-1", usage }] });
    const response = await app.request("/api/usage", HTTP_ADMIN_TOKEN, { method: "POST", body });
    expect(response.status).toBe(200);
    return response.json();
  };
  const readDay = async () => {
    const { agents } = (await (await app.request("/api/team", HTTP_ADMIN_TOKEN)).json()) as TeamAnswer;
    return agents.find(({ name }) => name === "Thot")?.days.at(-1);
  };
  const readBudgetText = async () => {
    await app.sendMessage("/plane status");
    return toPlainText(app.getBotMessages().at(-1));
  };

  await work(app, "Thot", task, 10 * MINUTE, 3);
  await call(app, "Thot", "report", { task, tokens: 40_000 });
  expect(await readDay()).toMatchObject({ cost: 3, tokens: 40_000 });
  expect(await readDay()).not.toHaveProperty("measured");
  expect(await readBudgetText()).toContain("€3.00 of it as reported by agents");

  // The gateway's figures take the place of the report, however often they are sent.
  expect(await post("thot", 90_000, 5)).toEqual({ sessions: 1 });
  expect(await post("thot", 90_000, 5)).toEqual({ sessions: 0 });
  expect(await post("nobody", 90_000, 5)).toEqual({ sessions: 0 });
  await call(app, "Thot", "report", { task, cost: 99, tokens: 99 });
  expect((await call(app, "Thot", "get_task_details", { task }))["agent"]).toMatchObject({ cost: 5 });
  expect(await readDay()).toMatchObject({ cost: 5, measured: 5, tokens: 90_000 });
  expect(await readBudgetText()).not.toContain("as reported by agents");

  // What is added since belongs to the task of that time.
  await call(app, "Thot", "update_task_status", { task, status: "done", text: "Sent.", confidence: 0.9 });
  await app.advanceAndDrain(5_000);
  await call(app, "Thot", "update_task_status", { task: other, status: "in_progress" });
  app.advance(10 * MINUTE);
  await post("thot", 100_000, 6);
  expect((await call(app, "Thot", "get_task_details", { task: other }))["agent"]).toMatchObject({ cost: 1 });
  expect(await readDay()).toMatchObject({ cost: 6, measured: 6, tokens: 100_000 });

  await call(app, "Imhotep", "list_my_tasks", {});
  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(5_000);
  expect(toPlainText(app.getBotMessages().at(-1))).not.toContain("as reported by agents");
});
