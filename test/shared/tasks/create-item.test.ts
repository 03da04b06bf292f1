import { expect, test } from "vitest";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

/** Simulates Plane, which assigns a work item without an assignee to the project's default assignee. */
const assignDefault =
  (given: { to?: string }): typeof fetch =>
  (url, init) => {
    const { to } = given;
    const isCreate = init?.method === "POST" && /\/projects\/[^/]+\/work-items\/$/.test(new URL(String(url)).pathname);
    const body: unknown = isCreate && to !== undefined && JSON.parse(String(init.body));
    if (typeof body !== "object" || body === null || "assignees" in body) return fetch(url, init);
    return fetch(url, { ...init, body: JSON.stringify({ ...body, assignees: [to] }) });
  };

async function createDefaultAssigneeApp() {
  const given: { to?: string } = {};
  const app = await createAgentTestApp({
    fetch: assignDefault(given),
    config: { plan: { approve: false } },
  });
  app.addTask("Guide");
  app.advance(60_000);
  await app.runFirstPoll();
  const defaultTo = async (user: { id: string }) => {
    given.to = user.id;
    const json = { default_assignee: user.id };
    await app.deps.plane.call(projectsApi.update, { params: { project: app.onb.id }, json });
  };
  return { app, plane: app.plane, defaultTo };
}

const readCreatedItems = (app: AgentTestApp) =>
  app.plane
    .items(app.onb)
    .slice(1)
    .map((item) => app.readPlaneItem(item));

type PlannedTasks = Parameters<ReturnType<AgentTestApp["actAs"]>["plan"]>[0]["tasks"];

/** Plans tasks in ONB and returns the answer to the same call after the plan was carried out in the background. */
async function carryOutPlan(app: AgentTestApp, tasks: PlannedTasks) {
  await app.addWish();
  const plan = () => app.actAs("Concierge").plan({ project: "ONB", tasks });
  await plan();
  await app.runUntilIdle();
  return plan();
}

test("OPENCLAW-08 OPENCLAW-17 a created and a planned task are assigned to their agent, not to the project's default assignee", async () => {
  const { app, defaultTo } = await createDefaultAssigneeApp();
  await defaultTo(app.getUser("Imhotep"));
  await app.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] });
  expect(await carryOutPlan(app, [{ id: "1", title: "Map", assignee: "Thot" }])).toMatchObject({ remaining: 0 });
  const assigned = { assignees: ["Thot"], labels: ["agent:Thot"] };
  expect(readCreatedItems(app)).toMatchObject([assigned, assigned]);
});

test("a task that people assigned to someone other than the default assignee stays assigned to them", async () => {
  const { app, plane, defaultTo } = await createDefaultAssigneeApp();
  await defaultTo(app.human);
  const plan = (assignee = {}) => carryOutPlan(app, [{ id: "1", title: "Tour", ...assignee }]);
  await plan();
  const [, tour] = plane.items(app.onb);
  plane.editItem(tour ?? "", { assignees: [app.getUser("Imhotep")] });
  await app.poll();
  await app.runUntilIdle();
  expect(await plan({ assignee: "Thot" })).toMatchObject({ remaining: 0, warnings: [] });
  expect(readCreatedItems(app)).toMatchObject([{ assignees: ["Imhotep"] }]);
});

const GONE = "11111111-2222-4333-8444-555555555555";

test("a label agent:<name> that people have deleted since it was listed is created again for a new task", async () => {
  const { app } = await createDefaultAssigneeApp();
  await app.deps.cache.setItem(`labels-of:${app.onb.id}`, { "agent:thot": GONE });
  await app.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot" });
  expect(readCreatedItems(app)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
});

test("an assignee whom Plane does not accept is a warning of a plan, whose other tasks are assigned", async () => {
  const { app, plane } = await createDefaultAssigneeApp();
  const guest = plane.addUser({ name: "Gus", role: 5 });
  plane.addProjectMember(app.onb, guest, 5);
  const tasks = [
    { id: "1", title: "Tour", assignee: "gus" },
    { id: "2", title: "Map", assignee: "Thot" },
  ];
  const { warnings } = await carryOutPlan(app, tasks);
  expect(warnings).toEqual([expect.stringContaining("1: Plane does not accept gus as the assignee of ONB-2")]);
  expect(readCreatedItems(app).map(({ assignees }) => assignees)).toEqual([[], ["Thot"]]);
});
