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
