import { expect, test } from "vitest";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { createWorkRules } from "../../functions/work.ts";
import { forecastTasks } from "../../shared/tasks/forecast.ts";
import { findStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { readWake } from "../../shared/tasks/wakes.ts";
import { createSchedulesApp } from "./schedules-app.ts";

const WAKE = { wake: { kind: "openclaw", url: "http://127.0.0.1:9" } } as const;

/** The product with an agent that is woken for Backlog, too, and an existing task of it in Backlog. */
async function createApp() {
  const app = await createSchedulesApp({
    agents: { Thot: { role: "worker", ...WAKE } },
    config: { wake_backlog: true, schedules: [] },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const backlog = app.plane.states(app.onb).find(({ name }) => name === "Backlog");
  const label = app.plane.addLabel(app.onb, "Recurring");
  const template = { state: backlog?.id ?? "", labels: [label.id] };
  const readWakes = async () => {
    const { wake } = await readWake(app.deps, "Thot");
    return [...wake.pending.map(({ id }) => id), ...Object.keys(wake.wokenTasks)];
  };
  return Object.assign(app, { template, readWakes });
}

test("RECUR-02 a template wakes nobody, whether a webhook or a poll finds it", async () => {
  const app = await createApp();
  app.addTask("By webhook", "Thot", app.template);
  await app.deliverUntilIdle();
  app.addTask("By poll", "Thot", app.template);
  app.dropWebhooks();
  await app.pollUntilIdle();
  expect(await app.readWakes()).toEqual([]);
  expect(await findStartableTasks(app.deps, "Thot")).toEqual([]);
  const ordinary = app.addTask("Ordinary", "Thot", { state: app.template.state });
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(await app.readWakes()).toContain(ordinary.id);
});

test("RECUR-02 a task in work that becomes a template is released", async () => {
  const app = await createApp();
  const item = app.addTask("Check", "Thot");
  await app.deliverUntilIdle();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(40_000);
  await app.runUntilIdle();
  app.plane.addComment(item, "<p>/every monday 9:00</p>");
  await app.deliverUntilIdle();
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Backlog" });
  const refused = await app.callTool("Thot", "report_progress", { task: "ONB-1", text: "Half", percent: 50 });
  expect(refused.status).toBeGreaterThanOrEqual(400);
});

test("RECUR-02 a template is in no list of open tasks, no forecast and no figure, and blocks nothing", async () => {
  const app = await createApp();
  const item = app.addTask("Check", "Thot", app.template);
  const dependant = app.addTask("Afterwards", "Imhotep");
  app.plane.relate(dependant, item);
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  const { json: board } = await app.send("GET", "/api/board");
  expect(JSON.stringify(board)).not.toContain("ONB-1");
  const { json: idle } = await app.send("GET", "/api/idle-tasks");
  expect(JSON.stringify(idle)).not.toContain("ONB-1");
  expect(await findStartableTasks(app.deps, "Imhotep")).toHaveLength(1);
  const projects = await app.callTool("Concierge", "list_projects", {});
  expect(projects.json).toMatchObject({ projects: [{ project: "ONB", total: 1, closed: 0 }] });
  expect(await forecastTasks(app.deps, [])).toMatchObject({ tasks: 0 });
});
