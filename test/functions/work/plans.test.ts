import { expect, test } from "vitest";
import { boardRoute } from "../../../functions/dashboard/board-route.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { findRequest, readOpenRequests } from "../../../shared/requests/requests.ts";
import { listSchedules } from "../../../shared/schedules/list-schedules.ts";
import { findPlanRun, toPlanRequestId } from "../../../shared/tasks/plan-record.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { answerRequest, approvePlan } from "../../support/answer-request.ts";
import { createCrashSimulator } from "../../support/crash-simulator.ts";
import { requestAs } from "../../support/request-as.ts";
import { approveOnly, createPlanSetup, createWishedSetup, type PlanSetup, readRun, WEBSITE } from "./plan-setup.ts";

const COMPLETE_PLAN = ["project WEBS", "Drawing | Imhotep |  | 1", "Text | Thot | Drawing | 1", "Idea | Thot |  | 1"];

const EXPECTED_WAKES = ["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-3 It is yours to do"];

test("reliability 35: a plan is answered with at most two requests to Plane and completes by itself at 60 requests a minute", async () => {
  const setup = await createWishedSetup({ rateLimit: 60 });
  const { app, plan, settle, takeWakes } = setup;
  const count = pickSize(20, 8);
  const tasks = Array.from({ length: count }, (_, i) => ({
    ...{ id: `t${i}`, title: `Task ${i}`, assignee: i % 2 === 0 ? "Imhotep" : "Thot" },
    ...(i > 1 ? { blocked_by: [`t${i - 2}`] } : {}),
  }));
  const steps = 2 * count + 1;
  const startedAt = app.deps.clock();
  const requests = await app.recordRequests(async () => {
    // Without the background work that the call starts.
    const answer = await setup.callTool("Concierge", "plan_project", { ...WEBSITE, tasks }, () => {});
    expect(answer).toMatchObject({ done: [], remaining: steps, retry_after: steps });
  });
  expect(requests.length).toBeLessThanOrEqual(2);
  expect(app.deps.clock() - startedAt).toBeLessThan(1_000);

  const seen: number[] = [];
  for (let second = 0; second < 600 && seen.at(-1) !== count; second += 1) {
    await app.drain();
    const lists = await Promise.all(["Imhotep", "Thot"].map((name) => app.actAs(name).list({})));
    seen.push(lists.reduce((sum, { tasks: visible }) => sum + visible.length, 0));
    if (seen.at(-1) === 0) expect(takeWakes()).toEqual([]);
    app.advance(1_000);
  }
  expect([...new Set(seen)]).toEqual([0, count]);
  expect(await setup.listPlans()).toEqual([`Website: done ${steps}/${steps}`]);
  await settle();
  expect(takeWakes()).toEqual(["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-2 It is yours to do"]);
  expect(app.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
  expect(await plan({ tasks })).toMatchObject({ project: "WEBS", remaining: 0 });
});

test("tasks of an incomplete plan cannot be claimed, are not counted in list_agents, and cause no wake at a poll", async () => {
  const { app, plan, callTool, settle, advanceSeconds, takeWakes } = await createWishedSetup();
  await plan();
  app.plane.faults.add({ method: "PATCH", path: /work-items/ }, { kind: "status", status: 503 }, 1_000);
  await advanceSeconds(30);
  // The first assignment reaches Plane by hand, as if its answer was lost.
  const { data } = await app.deps.plane.call(projectsApi.list);
  const website = data.results.find(({ name }) => name === "Website")?.id ?? "";
  app.plane.editItem(app.plane.items(website)[0] ?? "", { assignees: [app.getUser("Imhotep")] });
  for (let polls = 0; polls < 2; polls += 1) await app.poll();
  expect((await app.actAs("Imhotep").list({})).tasks).toEqual([]);
  const team = (await callTool("Concierge", "list_agents", {}))["agents"];
  expect(team).toContainEqual(expect.objectContaining({ name: "Imhotep", open: 0 }));
  await expect(callTool("Imhotep", "claim_task", { task: "WEBS-1" })).rejects.toThrow(
    "conflict: WEBS-1 belongs to a plan that is still being created",
  );
  expect(takeWakes()).toEqual([]);
  app.plane.faults.clear();
  await settle();
  expect(takeWakes()).toEqual(EXPECTED_WAKES);
});

test("a step that Plane refuses for good ends the plan, wakes the Concierge with the reason, and the same call continues it", async () => {
  const setup = await createWishedSetup();
  const { app, plan, settle, takeWakes } = setup;
  app.plane.faults.add({ method: "POST", path: /relations/ }, { kind: "status", status: 400 }, 1);
  await plan();
  await setup.advanceSeconds(60);
  expect(await setup.readOnlyRun()).toMatchObject({ state: "failed", reason: expect.stringContaining("Plane") });
  expect(takeWakes()).toEqual(["Concierge: WEBS Your plan could not be carried out"]);
  await plan();
  await settle();
  expect(await setup.listPlans()).toEqual(["Website: done 7/7"]);
  expect(await setup.readPlane()).toEqual(COMPLETE_PLAN);
});

test("reliability 35: a plan for a wish waits for its approval, then is carried out; nothing is created before", async () => {
  const setup = await createPlanSetup();
  const wish = await setup.addWish("a website");
  await setup.advanceSeconds(5);
  expect(setup.gateway.runs.at(-1)?.message).toContain(`"wish":"${wish}"`);
  expect(setup.takeWakes()).toEqual(["Concierge: Request A person asks for something"]);
  for (let calls = 0; calls < 2; calls += 1)
    expect(await setup.plan()).toMatchObject({ remaining: 7, awaiting_approval: true });
  await setup.settle();
  expect(await setup.listPlans()).toEqual(["Website: awaiting_approval 0/7"]);
  const proposals = setup.app.actions.filter(({ event }) => event.kind === "plan_proposed");
  expect(proposals.map(({ event }) => event)).toMatchObject([{ agent: "Concierge", title: "Website", tasks: 3 }]);
  expect(await setup.readPlane()).toEqual([]);
  expect(await setup.readWish(wish)).toMatchObject({ state: "planned", by: "Ada", text: "a website" });
  for (let times = 0; times < 2; times += 1) expect(await approveOnly(setup)).toBe("decided");
  await setup.settle();
  expect(await setup.listPlans()).toEqual(["Website: done 7/7"]);
  expect(setup.takeWakes()).toEqual(["Concierge: new A person approved your plan", ...EXPECTED_WAKES]);
});

test("reliability 35: a plan for a wish is rejected: the wish is open again, and the Concierge is woken with the reason", async () => {
  const setup = await createPlanSetup();
  const wish = await setup.addWish("a website");
  await setup.plan();
  const run = await readRun(setup);
  await setup.settle();
  setup.takeWakes();
  const answers = [];
  for (const by of ["Ada", "Ada", "Bob"])
    answers.push(await answerRequest(setup.app.deps, toPlanRequestId(run), "send_back", by, "no drawing, please"));
  expect([...answers, await approvePlan(setup.app.deps, run)]).toEqual(["decided", "decided", "closed", "closed"]);
  expect(await setup.readWish(wish)).toMatchObject({ state: "open" });
  await setup.advanceSeconds(5);
  expect(setup.gateway.runs.at(-1)?.message).toContain("Ada: no drawing, please");
  expect(setup.takeWakes()).toEqual([
    "Concierge: Request A person asks for something",
    "Concierge: new A person did not approve your plan",
  ]);
  await expect(setup.plan()).rejects.toThrow("conflict: A person rejected this plan: no drawing, please.");
  await setup.plan({ tasks: WEBSITE.tasks.slice(2) });
  await approveOnly(setup);
  await setup.settle();
  expect(await setup.readPlane()).toEqual(["project WEBS", "Idea | Thot |  | 1"]);
});

test("AGENT-01 a plan without a wish needs a person's approval under settings that require none, and a dry run does not", async () => {
  const setup = await createPlanSetup({ config: { plan: { approve: false } } });
  expect(await setup.plan({ dry_run: true })).not.toHaveProperty("awaiting_approval");
  expect(await setup.plan()).toMatchObject({ awaiting_approval: true });
  await setup.settle();
  expect(await setup.readPlane()).toEqual([]);
  const [request] = await readOpenRequests(setup.app.deps, "plan");
  expect(request?.input[0]).toEqual({ label: "Warning", value: "no stored request of a person asks for this plan" });
  expect(await approveOnly(setup)).toBe("decided");
  await setup.settle();
  expect(await setup.listPlans()).toEqual(["Website: done 7/7"]);
  // Inside an approved plan.
  const newTask = { project: "WEBS", title: "More", assignee: "Thot" };
  expect(await setup.callTool("Concierge", "create_task", newTask)).toMatchObject({ key: "WEBS-4" });
});

test("AGENT-01 a project without a wish needs a person's approval, and is created with it; one for a wish needs none", async () => {
  const setup = await createPlanSetup({ config: { plan: { approve: false } } });
  const create = (name = "Website") => setup.callTool("Concierge", "create_project", { name });
  expect(await create()).toEqual({ name: "Website", awaiting_approval: true });
  expect(await create("ONB"), "the identifier of another project").toEqual({ name: "ONB", awaiting_approval: true });
  await setup.settle();
  expect(await setup.readPlane()).toEqual([]);
  const [run] = (await readProposed(setup.app.deps)).filter(({ plan }) => plan.project === "Website");
  expect(run && (await approvePlan(setup.app.deps, run))).toBe("decided");
  await setup.settle();
  expect(await setup.readPlane()).toEqual(["project WEBS"]);
  expect(await create()).toMatchObject({ identifier: "WEBS", name: "Website" });
  await setup.addWish("a shop");
  expect(await create("Shop")).toMatchObject({ identifier: "SHOP" });
});

test("reliability 35: the completion of a plan wakes the Concierge once when all its tasks are closed, and a project that goes on once more", async () => {
  const setup = await createWishedSetup();
  const { app, takeWakes } = setup;
  await setup.plan();
  await setup.settle();
  takeWakes();
  const close = async (...keys: string[]) => {
    for (const key of keys) await app.actAs("Ada").setStatus(key, { status: "cancelled" });
    await setup.advanceSeconds(5);
    return takeWakes().filter((wake) => wake.startsWith("Concierge"));
  };
  const readPlans = async () =>
    ((await (await requestAs(boardRoute, app.deps, "/")).json()) as { plans: unknown }).plans;
  expect(await close("WEBS-3", "WEBS-2")).toEqual([]);
  expect(await readPlans()).toMatchObject([{ state: "working", done: 2, total: 3, unit: "tasks" }]);
  await setup.callTool("Concierge", "create_task", { project: "WEBS", title: "Later" });
  expect(await close("WEBS-1")).toEqual(["Concierge: WEBS All tasks of your plan are closed"]);
  expect(await readPlans()).toMatchObject([{ state: "done", done: 3, total: 3 }]);
  expect(await close("WEBS-4")).toEqual([expect.stringContaining("All tasks of the project WEBS are done")]);
  const kinds = app.actions.map(({ event }) => event.kind).filter((kind) => kind.endsWith("_completed"));
  expect(kinds).toEqual(["plan_completed", "project_completed"]);
});

async function readProposed(deps: PlanSetup["app"]["deps"]) {
  const { rows } = await deps.store.scan<{ id: string }>("planruns");
  const runs = await Promise.all(rows.map(({ value }) => findPlanRun(deps, value.id)));
  return runs.flatMap((run) => (run?.state === "awaiting_approval" ? [run] : []));
}

/** Longer than a job's lease, so that the next process takes over what the last one was doing. */
const LEASE_MS = 130_000;

test.each(["before", "after"] as const)(
  "reliability 35: a plan, with its approval, whose process is killed %s any effect is created once, and each agent is woken once",
  async (when) => {
    let nth = pickSize(1, when === "before" ? 20 : 50);
    for (let outcome: unknown = "died"; outcome === "died"; nth += pickSize(1, 60)) {
      const crash = createCrashSimulator();
      const store = (clock: () => number) => crash.store(createMemoryStore({ clock }));
      const setup = await createPlanSetup({ store, fetch: crash.fetch });
      const { app, plan, settle, takeWakes } = setup;
      const wish = await setup.addWish("a website");
      await settle();
      takeWakes();
      const makePlan = async () => {
        await plan();
        await settle();
        for (const run of await readProposed(app.deps)) await approvePlan(app.deps, run);
        await settle();
      };
      outcome = await crash.runUntilCrash({ nth, when }, makePlan);
      crash.reset();
      await app.restart();
      app.advance(LEASE_MS);
      // The same call later is the same plan, and nothing is created or sent again.
      for (let calls = 0; calls < 2; calls += 1) await makePlan();
      const label = `${when} effect ${nth}`;
      expect(await setup.readPlane(), label).toEqual(COMPLETE_PLAN);
      expect(await setup.listPlans(), label).toEqual(["Website: done 7/7"]);
      expect(await setup.readWish(wish), label).toMatchObject({ state: "planned" });
      // A wake whose process ended before its call may have arrived.
      const approval = "Concierge: new A person approved your plan";
      const otherWakes = takeWakes().filter((wake) => wake !== approval);
      expect(otherWakes, label).toEqual(EXPECTED_WAKES);
    }
    expect(nth).toBeGreaterThan(60);
  },
  600_000,
);

const WORK = { project: "ONB", title: "Check the backups", assignee: "Thot", when: "every monday 9:00" };

test("RECUR-02 schedule_work creates a template, and nobody is woken for it", async () => {
  const { app, callTool, settle, takeWakes } = await createWishedSetup();
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ recurs: "every Monday at 9:00" });
  await settle();
  const schedule = { name: "Check the backups", cron: "0 9 * * 1", origin: "plane", key: "ONB-1" };
  expect(await listSchedules(app.deps)).toMatchObject([schedule]);
  const [template = { id: "" }] = app.plane.items(app.onb);
  const labels = expect.arrayContaining(["recurring"]);
  expect(app.readPlaneItem(template)).toMatchObject({ state: "Backlog", assignees: ["Thot"], labels });
  expect(takeWakes().filter((wake) => wake.startsWith("Thot"))).toEqual([]);
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ key: "ONB-1", remaining: 0 });
  expect(app.plane.items(app.onb)).toHaveLength(1);
});

test("RECUR-02 for a person's wish, schedule_work refuses words that are no schedule and an unknown project, and awaits approval, which shows when it recurs", async () => {
  const setup = await createPlanSetup();
  const { app, callTool, addWish, settle } = setup;
  await addWish("Check the backups each Monday");
  await expect(callTool("Concierge", "schedule_work", { ...WORK, when: "every 2 weeks" })).rejects.toThrow("counted");
  await expect(callTool("Concierge", "schedule_work", { ...WORK, project: "NOPE" })).rejects.toThrow("NOPE");
  await expect(callTool("Thot", "schedule_work", WORK)).rejects.toThrow();
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ awaiting_approval: true });
  await settle();
  expect(app.plane.items(app.onb)).toEqual([]);
  const request = await findRequest(app.deps, toPlanRequestId(await readRun(setup)));
  expect(JSON.stringify(request?.value.input)).toContain("recurs every Monday at 9:00");
  expect(await approveOnly(setup)).toBe("decided");
  await settle();
  expect(await listSchedules(app.deps)).toMatchObject([{ cron: "0 9 * * 1" }]);
});
