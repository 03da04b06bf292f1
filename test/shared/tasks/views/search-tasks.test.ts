import { expect, test } from "vitest";
import { createHttpTestApp } from "../../../support/http-test-app.ts";

async function createTeamApp() {
  const app = await createHttpTestApp();
  const website = app.plane.addProject({ name: "Website", identifier: "WEB" });
  const plan = app.addTask("Draw the plan", "Thot", { priority: "high", target_date: "2026-12-01" });
  app.plane.relate(app.addTask("Build the wall", "Imhotep"), plan);
  app.addTask("Old idea", [], { state: "Cancelled" });
  app.addTask("Landing page", [], {}, website);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const search = async (filters: object = {}) => (await app.callTool("Concierge", "list_tasks", filters)).json;
  return { app, search };
}

test("OPENCLAW-08 list_tasks returns the open tasks of all projects and agents that have the given properties, without a request to Plane", async () => {
  const { app, search } = await createTeamApp();
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await app.runUntilIdle();
  const plan = { key: "ONB-1", title: "Draw the plan", priority: "high", due: "2026-12-01", held_by: "Thot" };
  const wall = { key: "ONB-2", title: "Build the wall", agents: ["Imhotep"], blocked_by: ["ONB-1"] };
  const page = { key: "WEB-1", title: "Landing page" };
  const tasks = [{ ...plan, agents: ["Thot"] }, wall, page].map((task) => ({ ...task, status: "todo" }));
  const searches: [object, string[]][] = [
    [{ project: "web" }, ["WEB-1"]],
    [{ project: "Website", status: "done" }, []],
    [{ status: "cancelled" }, ["ONB-3"]],
    [{ status: "all" }, ["ONB-1", "ONB-2", "ONB-3", "WEB-1"]],
    [{ agent: "imhotep" }, ["ONB-2"]],
    [{ agent: "none", status: "all" }, ["ONB-3", "WEB-1"]],
    [{ text: "WALL build" }, ["ONB-2"]],
    [{ text: "onb-1" }, ["ONB-1"]],
    [{ text: "nothing like it" }, []],
  ];
  const requests = await app.recordRequests(async () => {
    expect(await search()).toEqual({ tasks, total: 3 });
    for (const [filters, keys] of searches) {
      const found = { tasks: keys.map((key) => ({ key })), total: keys.length };
      expect(await search(filters), JSON.stringify(filters)).toMatchObject(found);
    }
  });
  expect(requests).toEqual([]);
});

test("list_tasks returns pages of 50 tasks that together contain every task once", async () => {
  const { app, search } = await createTeamApp();
  for (let i = 0; i < 60; i += 1) app.addTask(`Step ${i}`);
  await app.poll();
  await app.runUntilIdle();
  type Page = { tasks: { key: string }[]; next?: string; total: number };
  const first = (await search({ project: "ONB" })) as Page;
  const second = (await search({ project: "ONB", after: first.next })) as Page;
  expect([first, second].map(({ tasks, total }) => [tasks.length, total])).toEqual([
    [50, 62],
    [12, 62],
  ]);
  expect(new Set([...first.tasks, ...second.tasks].map(({ key }) => key)).size).toBe(62);
  expect(second.next).toBeUndefined();
});

test.each<[object, string, number, string]>([
  [{ project: "nowhere" }, "Concierge", 404, "Existing projects: "],
  [{ agent: "Nobody" }, "Concierge", 400, "Agents: Concierge, Imhotep, Thot"],
  [{ after: "first" }, "Concierge", 400, '"next" of the previous page'],
  [{ status: "finished" }, "Concierge", 400, "status"],
  [{}, "Thot", 403, "for the Concierge only"],
])("list_tasks refuses %j of %s with %i and says what to do", async (filters, agent, status, text) => {
  const { app } = await createTeamApp();
  const json = { error: { message: expect.stringContaining(text) } };
  expect(await app.callTool(agent, "list_tasks", filters)).toMatchObject({ status, json });
});

test("list_projects returns each project with its progress, time and cost without a request to Plane", async () => {
  const { app } = await createTeamApp();
  await app.callTool("Thot", "update_task_status", { task: "ONB-1", status: "in_progress" });
  app.advance(90_000);
  await app.callTool("Thot", "report", { task: "ONB-1", cost: 1.5 });
  await app.callTool("Thot", "stop_timer", { task: "ONB-1" });
  await app.runUntilIdle();
  const onb = { project: "ONB", name: "Onboarding", total: 3, closed: 1, in_progress: 1, blocked: 1, cost: 1.5 };
  const website = { project: "WEB", name: "Website", total: 1, closed: 0 };
  const requests = await app.recordRequests(async () => {
    const { json } = await app.callTool("Concierge", "list_projects", {});
    expect(json).toEqual({ projects: [{ ...onb, spent_s: expect.any(Number) }, website] });
  });
  expect(requests).toEqual([]);
});
