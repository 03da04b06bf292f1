import { expect, test } from "vitest";
import { createHttpTestApp } from "../../../support/http-test-app.ts";

async function createTeamApp() {
  const app = await createHttpTestApp();
  const website = app.plane.addProject({ name: "Website", identifier: "WEB" });
  const plan = app.addTask("Draw the plan", "Thot", { priority: "high", target_date: "2026-12-01" });
  const build = app.addTask("Build the wall", "Imhotep");
  app.addTask("Old idea", [], { state: "Cancelled" });
  app.addTask("Landing page", [], {}, website);
  app.plane.relate(build, plan);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const search = async (filters: Record<string, unknown> = {}) =>
    (await app.callTool("Concierge", "list_tasks", filters)).json;
  return { app, search };
}

test("OPENCLAW-08 list_tasks returns the open tasks of all projects and agents without a request to Plane", async () => {
  const { app, search } = await createTeamApp();
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await app.runUntilIdle();
  const requests = await app.recordRequests(async () => {
    expect(await search()).toEqual({
      tasks: [
        {
          key: "ONB-1",
          title: "Draw the plan",
          status: "todo",
          priority: "high",
          due: "2026-12-01",
          agents: ["Thot"],
          held_by: "Thot",
        },
        { key: "ONB-2", title: "Build the wall", status: "todo", agents: ["Imhotep"], blocked_by: ["ONB-1"] },
        { key: "WEB-1", title: "Landing page", status: "todo" },
      ],
      total: 3,
    });
  });
  expect(requests).toEqual([]);
});

test("list_tasks returns the tasks that have all of the given properties", async () => {
  const { search } = await createTeamApp();
  const searches: [Record<string, unknown>, string[]][] = [
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
  for (const [filters, keys] of searches)
    expect(await search(filters), JSON.stringify(filters)).toMatchObject({
      tasks: keys.map((key) => ({ key })),
      total: keys.length,
    });
});

test("list_tasks returns pages of 50 tasks that together contain every task once", async () => {
  const { app, search } = await createTeamApp();
  for (let i = 0; i < 120; i += 1) app.addTask(`Step ${i}`);
  await app.poll();
  await app.runUntilIdle();
  const keys: string[] = [];
  let after: string | undefined;
  const sizes: number[] = [];
  do {
    const page = (await search({ project: "ONB", after })) as {
      tasks: { key: string }[];
      next?: string;
      total: number;
    };
    expect(page.total).toBe(122);
    sizes.push(page.tasks.length);
    keys.push(...page.tasks.map(({ key }) => key));
    after = page.next;
  } while (after !== undefined);
  expect(sizes).toEqual([50, 50, 22]);
  expect(new Set(keys).size).toBe(122);
});

test("list_tasks refuses unknown projects, agents and pages with what to do, and workers altogether", async () => {
  const { app } = await createTeamApp();
  const refuse = async (filters: Record<string, unknown>, agent = "Concierge") => {
    const { status, json } = await app.callTool(agent, "list_tasks", filters);
    return [status, (json as { error: { message: string } }).error.message];
  };
  expect(await refuse({ project: "nowhere" })).toEqual([404, expect.stringContaining("Existing projects: ")]);
  expect(await refuse({ agent: "Nobody" })).toEqual([400, expect.stringContaining("Agents: Concierge, Imhotep, Thot")]);
  expect(await refuse({ after: "first" })).toEqual([400, expect.stringContaining('"next" of the previous page')]);
  expect(await refuse({ status: "finished" })).toEqual([400, expect.stringContaining("status")]);
  expect(await refuse({}, "Thot")).toEqual([403, expect.stringContaining("for the Concierge only")]);
});

test("list_projects returns each project with its progress, time and cost without a request to Plane", async () => {
  const { app } = await createTeamApp();
  await app.callTool("Thot", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await app.callTool("Thot", "start_timer", { task: "ONB-1" });
  app.advance(90_000);
  await app.callTool("Thot", "stop_timer", { task: "ONB-1" });
  await app.callTool("Thot", "report", { task: "ONB-1", cost: 1.5 });
  await app.runUntilIdle();
  const requests = await app.recordRequests(async () => {
    const { json } = await app.callTool("Concierge", "list_projects", {});
    expect(json).toEqual({
      projects: [
        {
          project: "ONB",
          name: expect.any(String),
          total: 3,
          closed: 1,
          in_progress: 1,
          blocked: 1,
          spent_s: expect.any(Number),
          cost: 1.5,
        },
        { project: "WEB", name: "Website", total: 1, closed: 0 },
      ],
    });
  });
  expect(requests).toEqual([]);
});
