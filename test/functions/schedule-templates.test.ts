import { expect, test } from "vitest";
import { z } from "zod";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { createWorkRules } from "../../functions/work.ts";
import { forecastTasks } from "../../shared/tasks/forecast.ts";
import { findStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { readWake } from "../../shared/tasks/wakes.ts";
import { createSchedulesApp } from "./schedules-app.ts";

const WAKE = { wake: { kind: "openclaw", url: "http://127.0.0.1:9" } } as const;

/** The product with an agent that is woken for Backlog, too, and an existing task of it in Backlog. */
async function createApp(config: Record<string, unknown> = {}) {
  const app = await createSchedulesApp({
    agents: { Thot: { role: "worker", ...WAKE } },
    config: { wake_backlog: true, schedules: [], ...config },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const backlog = app.plane.states(app.onb).find(({ name }) => name === "Backlog");
  const label = app.plane.addLabel(app.onb, "Recurring");
  const template = { state: backlog?.id ?? "", labels: [label.id] };
  const readWakes = async () => {
    const { wake } = await readWake(app.deps, "Thot");
    return [...wake.pending.map(({ id }) => id), ...Object.keys(wake.wokenTasks)];
  };
  const readWhy = async (key: string) => {
    const { json } = await app.send("GET", `/api/tasks/${key}/why`);
    return z.looseObject({ kind: z.string(), text: z.string() }).parse(json);
  };
  return Object.assign(app, { template, readWakes, readWhy });
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

test("RECUR-02 a task that gets the label is no work any more, and is again without it", async () => {
  const app = await createApp();
  const item = app.addTask("Check", "Thot", { state: app.template.state });
  await app.deliverUntilIdle();
  expect(await findStartableTasks(app.deps, "Thot")).toHaveLength(1);
  app.plane.editItem(item, { labels: app.template.labels });
  await app.deliverUntilIdle();
  expect(await findStartableTasks(app.deps, "Thot")).toEqual([]);
  app.plane.editItem(item, { labels: [] });
  app.advance(5_000);
  await app.poll();
  app.advance(5_000);
  await app.pollUntilIdle();
  expect(await findStartableTasks(app.deps, "Thot")).toHaveLength(1);
});

test("RECUR-02 an agent neither lists nor starts a template", async () => {
  const app = await createApp();
  app.addTask("Check", "Thot", app.template);
  await app.deliverUntilIdle();
  const list = await app.callTool("Thot", "list_my_tasks", {});
  expect(list.json).toMatchObject({ tasks: [] });
  const claimed = await app.callTool("Thot", "update_task_status", { task: "ONB-1", status: "in_progress" });
  expect(claimed).toMatchObject({
    status: 403,
    json: { error: { message: expect.stringContaining("template of recurring work") } },
  });
  const found = await app.callTool("Concierge", "list_tasks", {});
  expect(found.json).toMatchObject({ tasks: [], total: 0 });
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

test("RECUR-02 a template's sentence says when it recurs next, that it is paused, or that it has no schedule", async () => {
  const app = await createApp();
  app.addTask("Check", "Thot", app.template);
  await app.deliverUntilIdle();
  expect(await app.readWhy("ONB-1")).toMatchObject({ kind: "template_unset" });
  const { json } = await app.send("POST", "/api/schedules", { cron: "0 9 * * 1", task: "ONB-1" });
  const { id } = z.looseObject({ id: z.string() }).parse(json);
  expect((await app.readWhy("ONB-1")).text).toBe(
    "ONB-1 is a template of recurring work, which nobody works on; it recurs next: Nov 23, 2026 09:00.",
  );
  await app.send("PATCH", `/api/schedules/${id}`, { paused: true });
  expect(await app.readWhy("ONB-1")).toMatchObject({ kind: "template_paused" });
});

test("RECUR-02 nobody wakes an agent for a template, nor starts it, from its page", async () => {
  const app = await createApp();
  app.addTask("Check", "Thot", app.template);
  await app.deliverUntilIdle();
  for (const action of [{ action: "wake", agent: "Thot" }, { action: "start" }])
    expect((await app.send("POST", "/api/tasks/ONB-1/actions", action)).status).toBe(409);
  expect(await app.readWakes()).toEqual([]);
});
