import { expect, test } from "vitest";
import type { PlanGraphAnswer } from "../../../functions/dashboard/plan-route.ts";
import { planRoute } from "../../../functions/dashboard/plan-route.ts";
import type { TeamAnswer } from "../../../functions/dashboard/team-route.ts";
import { teamRoute } from "../../../functions/dashboard/team-route.ts";
import { readAgentDays } from "../../../shared/accounting/history.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { readPlanRuns } from "../../../shared/tasks/task-counts.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";
import { requestAs } from "../../support/request-as.ts";

async function readPlan(app: AgentTestApp, query = ""): Promise<PlanGraphAnswer> {
  const response = await requestAs(planRoute, app.deps, `/${query}`);
  expect(response.status).toBe(200);
  return response.json() as Promise<PlanGraphAnswer>;
}

const listKeys = (tasks: PlanGraphAnswer["tasks"]) => tasks.map(({ card }) => card.key).sort();
const getLayers = ({ tasks }: PlanGraphAnswer) => Object.fromEntries(tasks.map(({ card, layer }) => [card.key, layer]));

/** Plans four tasks with estimates: a (30 min) before b (60) and c (20), both before d (10); e depends on nothing. */
async function createPlannedApp() {
  const app = await createAgentTestApp({
    config: { budget: { amount: 50, currency: "EUR" }, plan: { approve: false } },
  });
  await app.runFirstPoll();
  await app.addWish();
  const plan = { project: "Site", identifier: "SITE" };
  const toTask = (id: string, minutes: number, blocked_by: string[], assignee = "Thot") => ({
    id,
    title: `Task ${id}`,
    assignee,
    blocked_by,
    estimate: { minutes, cost: 1 },
  });
  const tasks = [
    toTask("a", 30, []),
    toTask("b", 60, ["a"]),
    toTask("c", 20, ["a"], "Imhotep"),
    toTask("d", 10, ["b", "c"], "Imhotep"),
    { id: "e", title: "Task e" },
  ];
  await app.actAs("Concierge").plan({ ...plan, tasks });
  await app.runUntilIdle();
  await app.pollUntilIdle();
  const readSite = () => readPlan(app, "?project=SITE");
  const findKey = async (title: string) => {
    const { tasks: shown, independent } = await readSite();
    return [...shown, ...independent].find(({ card }) => card.title === title)?.card.key ?? "";
  };
  return { app, readSite, findKey };
}

test("a plan has its tasks in layers, the critical path by estimates, and the forecast of what is left", async () => {
  const { readSite, findKey } = await createPlannedApp();
  const [a, b, c, d, e] = await Promise.all(["a", "b", "c", "d", "e"].map((id) => findKey(`Task ${id}`)));
  const plan = await readSite();
  expect(getLayers(plan)).toEqual({ [a ?? ""]: 0, [b ?? ""]: 1, [c ?? ""]: 1, [d ?? ""]: 2 });
  expect(listKeys(plan.independent)).toEqual([e]);
  expect(listKeys(plan.tasks.filter(({ critical }) => critical))).toEqual([a, b, d].sort());
  expect(plan.lines.filter(({ critical }) => critical)).toHaveLength(2);
  expect(plan.forecast).toEqual({
    open: 5,
    unknown: 1,
    ms: 120 * MINUTE,
    cost: 4,
    path: { tasks: 3, unknown: 0, ms: 100 * MINUTE },
    earliest_ms: 100 * MINUTE,
  });
  expect(plan).toMatchObject({ project: { identifier: "SITE", total: 5, closed: 0 }, currency: "EUR", layers: 3 });
  expect(plan.tasks.find(({ card }) => card.key === c)?.card.blockers).toMatchObject([{ key: a }]);
});

test("time spent on a task in progress and finished tasks shorten the forecast; finished tasks stay in the graph", async () => {
  const { app, readSite, findKey } = await createPlannedApp();
  const a = await findKey("Task a");
  await app.actAs("Thot").setStatus(a, { status: "in_progress" });
  app.advance(10 * MINUTE);
  const id = (await readSite()).tasks.find(({ card }) => card.key === a)?.card.id ?? "";
  const { spent } = await readTaskTimes(app.deps, id);
  expect(spent).toBeGreaterThanOrEqual(10 * MINUTE);
  expect((await readSite()).forecast).toMatchObject({
    ms: 120 * MINUTE - spent,
    path: { tasks: 3, ms: 100 * MINUTE - spent },
  });
  await app.actAs("Thot").setStatus(a, { status: "done", text: "Done", confidence: 1 });
  await app.runUntilIdle();
  const plan = await readSite();
  expect(plan.forecast).toMatchObject({ open: 4, ms: 90 * MINUTE, path: { tasks: 2, ms: 70 * MINUTE } });
  expect(getLayers(plan)[a]).toBe(0);
  expect(plan.project).toMatchObject({ total: 5, closed: 1 });
});

test("an agent that has the work of both branches is the limit of the forecast, not the longest chain", async () => {
  const app = await createAgentTestApp({ config: { plan: { approve: false } } });
  await app.runFirstPoll();
  await app.addWish();
  const estimate = { minutes: 30 };
  const tasks = ["a", "b", "c"].map((id) => ({ id, title: id, assignee: "Thot", estimate }));
  await app.actAs("Concierge").plan({ project: "Site", identifier: "SITE", tasks });
  await app.runUntilIdle();
  expect((await readPlan(app, "?project=SITE")).forecast).toEqual({
    open: 3,
    unknown: 0,
    ms: 90 * MINUTE,
    path: { tasks: 0, unknown: 0, ms: 0 },
    earliest_ms: 90 * MINUTE,
  });
});

test("tasks that wait for each other are marked as a cycle, and every other dependency points forwards", async () => {
  const app = await createAgentTestApp();
  const [a, b, c] = ["a", "b", "c"].map((name) => app.addTask(name));
  if (!a || !b || !c) throw new Error("no tasks");
  app.plane.relate(a, b);
  app.plane.relate(b, a);
  app.plane.relate(c, b);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const { tasks, lines } = await readPlan(app);
  expect(listKeys(tasks.filter(({ cycle }) => cycle))).toEqual(["ONB-1", "ONB-2"]);
  const layers = new Map(tasks.map(({ card, layer }) => [card.id, layer]));
  expect(lines).toHaveLength(3);
  expect(lines.filter(({ cycle }) => cycle)).toHaveLength(1);
  for (const { from, to, cycle } of lines)
    if (!cycle) expect(layers.get(from)).toBeLessThan(layers.get(to) ?? Number.NaN);
});

test("a task of another project that blocks one is part of the graph, and of no sum", async () => {
  const app = await createAgentTestApp();
  const other = app.addProject("Shop", "SHOP");
  const blocker = app.addTask("Outside", [], {}, other);
  const blocked = app.addTask("Inside");
  app.plane.relate(blocked, blocker);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const plan = await readPlan(app, "?project=onb");
  expect(getLayers(plan)).toEqual({ "SHOP-1": 0, "ONB-1": 1 });
  expect(plan.forecast).toMatchObject({ open: 1, unknown: 1, path: { tasks: 2, unknown: 2 } });
  expect(plan.forecast).not.toHaveProperty("earliest_ms");
});

test("without a choice, one of several projects is not shown, but all can be chosen; an unknown one is not found", async () => {
  const app = await createAgentTestApp();
  app.addTask("Task");
  await app.runFirstPoll();
  expect((await readPlan(app)).project).toEqual({ identifier: "ONB", name: "Onboarding", total: 1, closed: 0 });
  app.addProject("Shop", "SHOP");
  await app.poll();
  for (const query of ["", "?project=GONE"]) {
    const plan = await readPlan(app, query);
    expect(plan.projects.map(({ identifier }) => identifier)).toEqual(["ONB", "SHOP"]);
    expect([plan.project, plan.tasks, plan.independent]).toEqual([undefined, [], []]);
  }
});

/** Open, finished and paired tasks of a large workspace: the full run has 1,200. */
const [OPEN, FINISHED, PAIRED] = [pickSize(1_000, 300), pickSize(200, 60), pickSize(400, 200)];

test("of many tasks, plan and team show the most important ones and count what is left out", {
  timeout: 60_000,
}, async () => {
  const app = await createAgentTestApp();
  const items = Array.from({ length: OPEN + FINISHED }, (_, i) =>
    app.addTask(`Task ${i}`, "Thot", i === OPEN - 23 ? { priority: "urgent" } : {}),
  );
  for (const item of items.slice(OPEN)) app.plane.editItem(item, { state: "Done" });
  // Pairs, a chain of ten, and independent tasks.
  items.slice(0, PAIRED).forEach((item, i) => {
    const blocker = items[i - 1];
    if (i % 2 && blocker) app.plane.relate(item, blocker);
  });
  items.slice(PAIRED, PAIRED + 10).forEach((item, i) => {
    const blocker = items[PAIRED - 1 + i];
    if (i > 0 && blocker) app.plane.relate(item, blocker);
  });
  await app.runFirstPoll();
  await app.runUntilIdle();
  const began = performance.now();
  const plan = await readPlan(app);
  console.log(`plan of ${items.length} tasks, ms:`, Math.round(performance.now() - began));
  expect([plan.tasks.length, plan.independent.length]).toEqual([120, 60]);
  expect(plan.left_out).toEqual({ open: OPEN - 180, finished: FINISHED, dependencies: 0 });
  expect(plan.forecast).toMatchObject({ open: OPEN, path: { tasks: 10 } });
  expect(plan.tasks.filter(({ critical }) => critical)).toHaveLength(10);
  expect(JSON.stringify(plan).length).toBeLessThan(150_000);
  const response = await requestAs(teamRoute, app.deps, "/");
  const { agents } = (await response.json()) as TeamAnswer;
  const thot = agents.find(({ name }) => name === "Thot");
  const waiting = PAIRED / 2 + 9;
  expect([thot?.startable.total, thot?.waiting.total]).toEqual([OPEN - waiting, waiting]);
  expect([thot?.startable.cards.length, thot?.waiting.cards.length]).toEqual([6, 6]);
  expect(thot?.startable.cards[0]?.title).toBe(`Task ${OPEN - 23}`);
});

async function readTeam(app: AgentTestApp): Promise<TeamAnswer> {
  const response = await requestAs(teamRoute, app.deps, "/");
  expect(response.status).toBe(200);
  return response.json() as Promise<TeamAnswer>;
}

async function readAgent(app: AgentTestApp, name: string) {
  const agent = (await readTeam(app)).agents.find((one) => one.name === name);
  if (!agent) throw new Error(`no agent ${name}`);
  return agent;
}

const listCardKeys = ({ cards }: { cards: { key: string }[] }) => cards.map(({ key }) => key);

test("the team has each agent with what it holds, what it can start, what waits and why, and what is in review", async () => {
  const app = await createAgentTestApp({ agents: { Thot: { about: "Writes and checks texts." } } });
  const blocker = app.addTask("Held", "Thot");
  app.addTask("Later", "Thot", { priority: "low" });
  app.addTask("Soon", "Thot", { priority: "urgent" });
  const waiting = app.addTask("Waiting", "Thot");
  app.plane.relate(waiting, blocker);
  app.addTask("To review", "Thot");
  app.addTask("Of nobody");
  await app.runFirstPoll();
  await app.runUntilIdle();
  await app.actAs("Thot").setStatus("ONB-5", { status: "in_progress" });
  await app.actAs("Thot").setStatus("ONB-5", { status: "done", text: "Done", confidence: 0.5 });
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const thot = await readAgent(app, "Thot");
  expect(listCardKeys(thot.holds)).toEqual(["ONB-1"]);
  expect(thot.holds.cards[0]?.held).toMatchObject({ by: "Thot" });
  expect(listCardKeys(thot.startable)).toEqual(["ONB-3", "ONB-2"]);
  expect(listCardKeys(thot.waiting)).toEqual(["ONB-4"]);
  expect(thot.waiting.cards[0]?.blockers).toMatchObject([{ key: "ONB-1" }]);
  expect(listCardKeys(thot.review)).toEqual(["ONB-5"]);
  expect(thot).toMatchObject({ role: "worker", about: "Writes and checks texts." });
  expect((await readTeam(app)).agents.map(({ name, role }) => [name, role])).toEqual([
    ["Concierge", "concierge"],
    ["Imhotep", "worker"],
    ["Thot", "worker"],
  ]);
});

test("the team has each agent's tasks, time, cost and confidence of the last 14 days, as the store's figures are", async () => {
  const app = await createAgentTestApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  app.addTask("Task", "Thot");
  await app.runFirstPoll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(10 * MINUTE);
  await app.actAs("Thot").setStatus("ONB-1", { status: "done", text: "Done", confidence: 0.9, cost: 1.25 });
  await app.runUntilIdle();
  const { days } = await readAgent(app, "Thot");
  expect(days).toHaveLength(14);
  expect(days).toEqual(await readAgentDays(app.deps, "Thot", 14));
  // The call that finishes the task waits a second for the agent's turn.
  const ms = 10 * MINUTE + SECOND;
  expect(days.at(-1)).toEqual({ day: "2026-11-21", tasks: 1, ms, cost: 1.25, confidence: 0.9 });
  expect(days[0]).toEqual({ day: "2026-11-08", tasks: 0, ms: 0, cost: 0 });
  expect((await readTeam(app)).currency).toBe("EUR");
});

test("a plan is also found by its own id, with how far it is, before its project exists too", async () => {
  const { app } = await createPlannedApp();
  const [{ id } = { id: "" }] = await readPlanRuns(app.deps);
  const named = await readPlan(app, `?plan=${id}`);
  expect([named.project?.identifier, named.plan]).toEqual(["SITE", expect.objectContaining({ id, state: "working" })]);
  expect(named.tasks).toEqual((await readPlan(app, "?project=SITE")).tasks);
  expect(await readPlan(app, "?plan=0123456789abcdef")).not.toHaveProperty("project");
});
