import { describe, expect, test } from "vitest";
import { findPlanRun, type Plan } from "../../../shared/tasks/plan-record.ts";
import { approvePlan } from "../../../shared/tasks/planning/decide-plan.ts";
import { type CrashPoint, createCrashSimulator } from "../../support/crash-simulator.ts";
import { createPlanSetup, type PlanSetup, WEBSITE } from "./plan-setup.ts";

/** Longer than a job's lease, so that the next process takes over what the last one was doing. */
const LEASE_MS = 130_000;

const EXPECTED_PLANE = [
  "project WEBS",
  "Drawing | Imhotep |  | 1",
  "Text | Thot | Drawing | 1",
  "Idea | Thot |  | 1",
  "Sprint 1 2026-12-31 2",
  "Design 1",
];
const EXPECTED_WAKES = ["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-3 It is yours to do"];

const [drawing, text, idea] = WEBSITE.tasks;
const PLAN = {
  tasks: [{ ...drawing, cycle: "Sprint 1" }, { ...text, cycle: "Sprint 1", module: "Design" }, { ...idea }],
  cycles: [{ name: "Sprint 1", start_date: "2026-12-01", end_date: "2026-12-31" }],
} as Partial<Plan>;

/** Runs the whole plan with a crash at this point. Returns false when the plan was complete before the point. */
async function runWithCrash(point: CrashPoint, withWish: boolean): Promise<boolean> {
  const crash = createCrashSimulator();
  const { createMemoryStore } = await import("../../../runtime/stores/sqlite-store.ts");
  const setup = await createPlanSetup({
    store: (clock) => crash.store(createMemoryStore({ clock })),
    fetch: crash.fetch,
  });
  const wish = withWish ? await setup.addWish("a website") : undefined;
  await setup.settle();
  setup.takeWakes();
  const outcome = await crash.runUntilCrash(point, () => makePlan(setup));
  crash.reset();
  if (outcome === "died") {
    await setup.app.restart();
    setup.app.advance(LEASE_MS);
    await makePlan(setup);
  }
  const label = `${point.when} effect ${point.nth}`;
  expect(await setup.readPlane(), label).toEqual(EXPECTED_PLANE);
  expect(setup.takeWakes(), label).toEqual(EXPECTED_WAKES);
  expect(await setup.listPlans(), label).toEqual(["Website: done 11/11"]);
  if (wish) expect(await setup.readWish(wish), label).toMatchObject({ state: "planned" });
  // The same call later is the same plan, and nothing is created or sent again.
  expect(await setup.plan(PLAN), label).toMatchObject({ remaining: 0, done: ["WEBS-1", "WEBS-2", "WEBS-3"] });
  await setup.settle();
  expect(await setup.readPlane(), label).toEqual(EXPECTED_PLANE);
  expect(setup.takeWakes(), label).toEqual([]);
  return outcome === "died";
}

async function makePlan({ app, plan, settle }: PlanSetup): Promise<void> {
  await plan(PLAN);
  await settle();
  for (const run of await readProposed(app.deps)) await approvePlan(app.deps, run.id, { hash: run.hash, by: "Ada" });
  await settle();
}

async function readProposed(deps: PlanSetup["app"]["deps"]) {
  const { rows } = await deps.store.scan<{ id: string }>("planruns");
  const runs = await Promise.all(rows.map(({ value }) => findPlanRun(deps, value.id)));
  return runs.flatMap((run) => (run?.state === "awaiting_approval" ? [run] : []));
}

describe.each([
  ["without a wish", false],
  ["for a wish, with its approval", true],
])("reliability 35: a plan %s", (_, withWish) => {
  test.each(["before", "after"] as const)(
    "whose process is killed %s any effect is created once, and each agent is woken once",
    async (when) => {
      const stride = process.env["FULL"] === undefined ? 13 : 1;
      let nth = 1;
      while (await runWithCrash({ nth, when }, withWish)) nth += stride;
      expect(nth).toBeGreaterThan(60);
    },
    600_000,
  );
});
