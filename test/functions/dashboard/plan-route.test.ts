import { expect, test } from "vitest";
import type { PlanGraphAnswer } from "../../../functions/dashboard/plan-route.ts";
import { planRoute } from "../../../functions/dashboard/plan-route.ts";
import type { TeamAnswer } from "../../../functions/dashboard/team-route.ts";
import { teamRoute } from "../../../functions/dashboard/team-route.ts";
import { MINUTE } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";
import { requestAs } from "../../support/request-as.ts";

async function readPlan(app: AgentTestApp, query = ""): Promise<PlanGraphAnswer> {
  const response = await requestAs(planRoute, app.deps, `/${query}`);
  expect(response.status).toBe(200);
  return response.json() as Promise<PlanGraphAnswer>;
}

const listKeys = (tasks: PlanGraphAnswer["tasks"]) => tasks.map(({ card }) => card.key).sort();
const getLayers = ({ tasks }: PlanGraphAnswer) => Object.fromEntries(tasks.map(({ card, layer }) => [card.key, layer]));

test("a plan has its tasks in layers, the critical path by estimates, and the forecast of what is left", async () => {
  const app = await createAgentTestApp({
    config: { budget: { amount: 50, currency: "EUR" }, plan: { approve: false } },
  });
  await app.runFirstPoll();
  await app.addWish();
  const toTask = (id: string, minutes: number, blocked_by: string[], assignee = "Thot") => {
    return { id, title: `Task ${id}`, assignee, blocked_by, estimate: { minutes, cost: 1 } };
  };
  const tasks = [
    ...[toTask("a", 30, []), toTask("b", 60, ["a"]), toTask("c", 20, ["a"], "Imhotep")],
    ...[toTask("d", 10, ["b", "c"], "Imhotep"), { id: "e", title: "Task e" }],
  ];
  await app.actAs("Concierge").plan({ project: "Site", identifier: "SITE", tasks });
  await app.runUntilIdle();
  await app.pollUntilIdle();
  const plan = await readPlan(app, "?project=SITE");
  const [a = "", b = "", c = "", d = "", e] = ["a", "b", "c", "d", "e"].map(
    (id) => [...plan.tasks, ...plan.independent].find(({ card }) => card.title === `Task ${id}`)?.card.key,
  );
  expect(getLayers(plan)).toEqual({ [a]: 0, [b]: 1, [c]: 1, [d]: 2 });
  expect(listKeys(plan.independent)).toEqual([e]);
  expect(listKeys(plan.tasks.filter(({ critical }) => critical))).toEqual([a, b, d].sort());
  expect(plan.lines.filter(({ critical }) => critical)).toHaveLength(2);
  const path = { tasks: 3, unknown: 0, ms: 100 * MINUTE };
  const forecast = { open: 5, unknown: 1, ms: 120 * MINUTE, cost: 4, path, earliest_ms: 100 * MINUTE };
  expect(plan.forecast).toEqual(forecast);
  expect(plan).toMatchObject({ project: { identifier: "SITE", total: 5, closed: 0 }, currency: "EUR", layers: 3 });
  expect(plan.tasks.find(({ card }) => card.key === c)?.card.blockers).toMatchObject([{ key: a }]);
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
  const { agents } = (await (await requestAs(teamRoute, app.deps, "/")).json()) as TeamAnswer;
  const thot = agents.find(({ name }) => name === "Thot");
  if (!thot) throw new Error("no agent");
  expect(listCardKeys(thot.holds)).toEqual(["ONB-1"]);
  expect(thot.holds.cards[0]?.held).toMatchObject({ by: "Thot" });
  expect(listCardKeys(thot.startable)).toEqual(["ONB-3", "ONB-2"]);
  expect(listCardKeys(thot.waiting)).toEqual(["ONB-4"]);
  expect(thot.waiting.cards[0]?.blockers).toMatchObject([{ key: "ONB-1" }]);
  expect(listCardKeys(thot.review)).toEqual(["ONB-5"]);
  expect(thot).toMatchObject({ role: "worker", about: "Writes and checks texts." });
  const roles = agents.map(({ name, role }) => `${name} ${role}`);
  expect(roles).toEqual(["Concierge concierge", "Imhotep worker", "Thot worker"]);
});
