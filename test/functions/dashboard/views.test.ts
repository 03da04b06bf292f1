import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { boardRoute } from "../../../functions/dashboard/board-route.ts";
import { createOutcomeReader } from "../../../functions/dashboard/decision-log-route.ts";
import {
  breakCycles,
  collectNeighbours,
  type Dependency,
  findCriticalPath,
  layoutGraph,
} from "../../../functions/dashboard/plan-graph.ts";
import { type PlanGraphAnswer, planRoute } from "../../../functions/dashboard/plan-route.ts";
import { type TeamAnswer, teamRoute } from "../../../functions/dashboard/team-route.ts";
import type { RequestedAction } from "../../../shared/records/decision-log.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { MINUTE } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";
import { requestAs } from "../../support/request-as.ts";
import { createTestApp } from "../../support/test-app.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../telegram/outbox-setup.ts";

const boardSchema = z.looseObject({
  columns: z.array(
    z.object({ name: z.string(), total: z.number(), cards: z.array(z.looseObject({ key: z.string() })) }),
  ),
});

async function createBoardSetup() {
  const app = await createTestApp({ agents: [{ name: "Thot", email: "thot@example.com" }] });
  // The board waits for names until they have arrived.
  const deps = () => ({ ...app.deps, wait: () => new Promise<void>(() => {}) });
  const get = async (query = "") => boardSchema.parse(await (await requestAs(boardRoute, deps(), `/${query}`)).json());
  const column = async (name: string, query = "") =>
    (await get(query)).columns.find((one) => one.name === name)?.cards.map(({ key }) => key);
  const thot = app.plane.addUser({ name: "Thot", email: "thot@example.com" });
  return { app, thot, onb: app.addProject(), get, column };
}

test("the board has tasks by state, waiting ones in the blocked column, the most urgent first", async () => {
  const { app, thot, onb, column, get } = await createBoardSetup();
  const blocker = app.plane.addItem(onb, { name: "First", state: "In Progress" });
  const blocked = app.plane.addItem(onb, { name: "Second", assignees: [thot] });
  app.plane.addItem(onb, { name: "Low", priority: "low" });
  app.plane.addItem(onb, { name: "Urgent", priority: "urgent" });
  app.plane.addItem(onb, { name: "Due", priority: "urgent", target_date: "2026-12-01" });
  app.plane.relate(blocked, blocker);
  await app.runFirstPoll();
  expect(await column("in_progress")).toEqual(["ONB-1"]);
  expect(await column("blocked")).toEqual(["ONB-2"]);
  expect(await column("todo")).toEqual(["ONB-5", "ONB-4", "ONB-3"]);
  const card = (await get()).columns.find(({ name }) => name === "blocked")?.cards[0];
  expect(card).toMatchObject({ agent: "Thot", assignees: ["thot"], blockers: [{ key: "ONB-1" }] });
});

test("the board is filtered by agent and by column, and names the agents", async () => {
  const { app, thot, onb, column, get } = await createBoardSetup();
  app.plane.addItem(onb, { name: "First", assignees: [thot] });
  app.plane.addItem(onb, { name: "Second", state: "In Progress" });
  await app.runFirstPoll();
  expect([await column("todo", "?agent=Thot"), await column("in_progress", "?agent=Thot")]).toEqual([["ONB-1"], []]);
  expect([await column("todo", "?agent=none"), await column("in_progress", "?agent=none")]).toEqual([[], ["ONB-2"]]);
  // A person's own tasks are those that are assigned to them.
  const ada = { id: thot.id, name: "Ada", role: "member" } as const;
  const columns = [{ total: 1 }, { total: 0 }, { total: 0 }, { total: 0 }];
  const own = await requestAs(boardRoute, app.deps, "/?mine=yes", ada);
  expect(await own.json()).toMatchObject({ has_own: true, columns });
  expect(await get("?mine=yes")).toMatchObject({ has_own: false, columns: [{ total: 0 }, {}, {}, {}] });
  const inProgress = await get("?status=in_progress");
  expect([inProgress["agents"], inProgress.columns.map(({ name, total }) => [name, total])]).toEqual([
    ["Thot"],
    [["in_progress", 1]],
  ]);
});

test("a notification in an existing message is delivered with the edit that shows it", async () => {
  const outbox = await createOutboxSetup();
  const all = [1, 2, 3].map((n) => createNotice(n));
  await enqueueNotices(outbox.store, all);
  const target = `telegram:${OUTBOX_CHAT}`;
  const actions = all.map(
    ({ facts, correlation, event }): RequestedAction => ({
      ...{ rule: "completed tasks", target, queue: "outbox" },
      job: `${facts.item?.id}:${correlation}:${event.kind}:${target}`,
    }),
  );
  const readOutcomes = async () => [...(await createOutcomeReader(outbox)(actions)).values()];
  const startedAt = outbox.time.now;
  await outbox.handleDueJobs();
  expect((await readOutcomes()).map(({ is }) => is)).toEqual(["delivered", "folded", "folded"]);
  await outbox.runUntilEmpty();
  const [first, , last] = (await readOutcomes()).map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > startedAt]).toEqual([startedAt, true]);
  const [message] = (await outbox.store.scan<ChatMessage>(chatMessageSet)).rows.map((row) => row.value);
  expect(message?.history.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.text);
});

async function readPlan(app: AgentTestApp, query = ""): Promise<PlanGraphAnswer> {
  const response = await requestAs(planRoute, app.deps, `/${query}`);
  expect(response.status).toBe(200);
  return response.json() as Promise<PlanGraphAnswer>;
}

const listKeys = (tasks: PlanGraphAnswer["tasks"]) => tasks.map(({ card }) => card.key).sort();

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
  expect(Object.fromEntries(plan.tasks.map(({ card, layer }) => [card.key, layer]))).toEqual({
    [a]: 0,
    [b]: 1,
    [c]: 1,
    [d]: 2,
  });
  expect(listKeys(plan.independent)).toEqual([e]);
  expect(listKeys(plan.tasks.filter(({ critical }) => critical))).toEqual([a, b, d].sort());
  expect(plan.lines.filter(({ critical }) => critical)).toHaveLength(2);
  const path = { tasks: 3, unknown: 0, ms: 100 * MINUTE };
  expect(plan.forecast).toEqual({ open: 5, unknown: 1, ms: 120 * MINUTE, cost: 4, path, earliest_ms: 100 * MINUTE });
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

const nameTask = (n: number) => `t${n}`;
const IDS = Array.from({ length: 14 }, (_, i) => nameTask(i));
const index = fc.nat(IDS.length - 1);
const dependency = fc.record({ from: index.map(nameTask), to: index.map(nameTask) });
/** Any dependencies, so with cycles, repetitions and tasks that wait for themselves. */
const graph = fc.array(dependency, { maxLength: 40 });
const pair = fc.tuple(index, index).filter(([a, b]) => a !== b);
const toForward = ([a, b]: [number, number]) => ({ from: nameTask(Math.min(a, b)), to: nameTask(Math.max(a, b)) });
/** Dependencies from a lower to a higher number only, so without cycles. */
const acyclicGraph = fc.array(pair.map(toForward), { maxLength: 40 });
/** More random graphs in the full run. */
const RUNS = { numRuns: process.env["FULL"] ? 5_000 : 100 };

const formatDependency = ({ from, to }: Dependency) => `${from} ${to}`;
const toLayer = (layout: ReturnType<typeof layoutGraph>, id: string) => layout.places.get(id)?.layer ?? Number.NaN;

/** All tasks that can be reached from this one over at least one dependency, by search. */
function findReachable(start: string, all: readonly Dependency[]): Set<string> {
  const reached = new Set<string>();
  const open = [start];
  for (const id of open)
    for (const { from, to } of all) {
      if (from !== id || reached.has(to)) continue;
      reached.add(to);
      open.push(to);
    }
  return reached;
}

test("every dependency points to a later layer unless it closes a cycle, on which exactly its tasks are marked", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const layout = layoutGraph(IDS, dependencies);
      for (const { from, to, backwards } of layout.lines) {
        if (backwards) expect(findReachable(to, dependencies).has(from) || from === to).toBe(true);
        else expect(toLayer(layout, from)).toBeLessThan(toLayer(layout, to));
      }
      const all = new Set(dependencies.map(formatDependency));
      expect(new Set(layout.lines.map(formatDependency))).toEqual(all);
      expect(layout.lines).toHaveLength(all.size);
      const { onCycle, lines } = layout;
      const between = dependencies.filter(({ from, to }) => onCycle.has(from) && onCycle.has(to));
      for (const id of onCycle) expect(findReachable(id, between).has(id)).toBe(true);
      const hasCycle = IDS.some((id) => findReachable(id, dependencies).has(id));
      expect([onCycle.size > 0, lines.some(({ backwards }) => backwards)]).toEqual([hasCycle, hasCycle]);
    }),
    RUNS,
  );
});

test("tasks and lines of one layer do not overlap, and all are inside the picture", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const { places, lines, height } = layoutGraph(IDS, dependencies);
      const boxes = [
        ...[...places.values()].map(({ layer, y }) => ({ layer, top: y - 0.5, bottom: y + 0.5 })),
        ...lines.flatMap(({ via }) => via.map(({ layer, y }) => ({ layer, top: y - 0.15, bottom: y + 0.15 }))),
      ].sort((a, b) => a.layer - b.layer || a.top - b.top);
      boxes.forEach((box, i) => {
        expect(box.top).toBeGreaterThanOrEqual(-0.01);
        expect(box.bottom).toBeLessThanOrEqual(height + 0.01);
        const next = boxes[i + 1];
        if (next?.layer === box.layer) expect(next.top).toBeGreaterThanOrEqual(box.bottom - 0.01);
      });
    }),
    RUNS,
  );
});

test("the critical path is a chain with the greatest sum, found also by trying all chains", () => {
  const weights = fc.array(fc.nat(5), { minLength: IDS.length, maxLength: IDS.length });
  fc.assert(
    fc.property(acyclicGraph, weights, (all, numbers) => {
      const { forwards } = breakCycles(all);
      const getWeight = (id: string) => numbers[IDS.indexOf(id)] ?? 0;
      const sumWeights = (path: readonly string[]) => path.reduce((sum, id) => sum + getWeight(id), 0);
      const path = findCriticalPath(IDS, collectNeighbours(forwards), getWeight);
      path.slice(1).forEach((to, i) => {
        expect(forwards.some((one) => one.from === path[i] && one.to === to)).toBe(true);
      });
      const longestFrom = (id: string): number =>
        getWeight(id) + Math.max(0, ...forwards.filter(({ from }) => from === id).map(({ to }) => longestFrom(to)));
      expect(sumWeights(path)).toBe(Math.max(...IDS.map(longestFrom)));
    }),
    { numRuns: 100 },
  );
});
