import { describe, expect, test } from "vitest";
import { approvePlan, rejectPlan } from "../../../shared/tasks/planning/decide-plan.ts";
import { approveOnly, createPlanSetup, type PlanSetup, readRun, WEBSITE } from "./plan-setup.ts";

describe("reliability 35: a plan for a wish", () => {
  test("waits for its approval, then is carried out; nothing is created before", async () => {
    const setup = await createPlanSetup();
    const wish = await setup.addWish("a website");
    await setup.advanceSeconds(5);
    expect(setup.gateway.runs.at(-1)?.message).toContain(`"wish":"${wish}"`);
    expect(setup.takeWakes()).toEqual(["Concierge: Request A person asks for something"]);
    expect(await setup.plan()).toMatchObject({ remaining: 8, awaiting_approval: true });
    expect(await setup.plan()).toMatchObject({ remaining: 8, awaiting_approval: true });
    await setup.settle();
    expect(await setup.listPlans()).toEqual(["Website: awaiting_approval 0/8"]);
    const proposals = setup.app.actions.filter(({ event }) => event.kind === "plan_proposed");
    expect(proposals.map(({ event }) => event)).toMatchObject([{ agent: "Concierge", title: "Website", tasks: 3 }]);
    expect(await setup.readPlane()).toEqual([]);
    expect(await setup.readWish(wish)).toMatchObject({ state: "planned", by: "Ada", text: "a website" });
    expect(await approveOnly(setup)).toBe("approved");
    expect(await approveOnly(setup)).toBe("already");
    await setup.settle();
    expect(await setup.listPlans()).toEqual(["Website: done 8/8"]);
    expect(setup.takeWakes()).toEqual(["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-3 It is yours to do"]);
  });

  test("needs no approval when the setting says so, and a plan without a wish never does", async () => {
    const setup = await createPlanSetup({ config: { plan: { approve: false } } });
    const wish = await setup.addWish("a website");
    expect(await setup.plan()).not.toHaveProperty("awaiting_approval");
    await setup.settle();
    expect(await setup.readWish(wish)).toMatchObject({ state: "planned" });
    expect(await setup.listPlans()).toEqual(["Website: done 8/8"]);
    const other = await createPlanSetup();
    expect(await other.plan()).not.toHaveProperty("awaiting_approval");
  });

  test("is replaced by another plan before its approval, and an approval of the earlier one says so", async () => {
    const setup = await createPlanSetup();
    await setup.addWish("a website");
    await setup.plan();
    const first = await readRun(setup);
    await setup.plan({ tasks: WEBSITE.tasks.slice(0, 1) });
    const { app } = setup;
    expect(await approvePlan(app.deps, first.id, { hash: first.hash, by: "Ada" })).toBe("changed");
    expect(await rejectPlan(app.deps, first.id, { hash: first.hash, by: "Ada" })).toBe("changed");
    expect(await setup.listPlans()).toEqual(["Website: awaiting_approval 0/3"]);
    expect(await setup.callTool("Concierge", "list_projects", {})).toMatchObject({
      plans: [{ title: "Website", state: "awaiting_approval", done: 0, total: 3 }],
    });
    await approveOnly(setup);
    await setup.settle();
    expect(await setup.callTool("Concierge", "list_projects", {})).not.toHaveProperty("plans");
    expect(await setup.readPlane()).toEqual(["project WEBS", "Drawing | Imhotep |  | 1"]);
    await expect(setup.plan({ wish: "asked-for:1" })).rejects.toThrow(
      "conflict: The plan for this wish is complete: the project Website (WEBS)",
    );
  });

  test("that changes before its approval needs the approval, also under another name and without the wish's id", async () => {
    const setup = await createPlanSetup();
    await setup.addWish("a website");
    await setup.plan();
    expect(await setup.plan({ project: "Other" })).toMatchObject({ awaiting_approval: true });
    expect(await setup.listPlans()).toEqual(["Other: awaiting_approval 0/8"]);
  });

  test("is rejected: the wish is open again, and the Concierge is woken with the reason", async () => {
    const setup = await createPlanSetup();
    const wish = await setup.addWish("a website");
    await setup.plan();
    const { id, hash } = await readRun(setup);
    await setup.settle();
    setup.takeWakes();
    const reject = () => rejectPlan(setup.app.deps, id, { by: "Ada", reason: "no drawing, please" });
    expect(await reject()).toBe("rejected");
    expect(await reject()).toBe("already");
    expect(await approvePlan(setup.app.deps, id, { hash, by: "Ada" })).toBe("already");
    expect(await setup.readWish(wish)).toMatchObject({ state: "open" });
    await setup.advanceSeconds(5);
    const { message } = setup.gateway.runs.at(-1) ?? { message: "" };
    expect(message).toContain("Ada: no drawing, please");
    expect(setup.takeWakes()).toEqual([
      "Concierge: Request A person asks for something",
      "Concierge: new A person did not approve your plan",
    ]);
    await expect(setup.plan()).rejects.toThrow("conflict: A person rejected this plan: no drawing, please.");
    expect(await setup.plan({ tasks: WEBSITE.tasks.slice(2) })).toMatchObject({ awaiting_approval: true });
    expect(await approvePlan(setup.app.deps, id, { hash, by: "Ada" })).toBe("changed");
    await approveOnly(setup);
    await setup.settle();
    expect(await setup.readPlane()).toEqual(["project WEBS", "Idea | Thot |  | 1"]);
  });

  test("belongs to the oldest wish without a plan; two wishes get two plans", async () => {
    const setup = await createPlanSetup();
    const first = await setup.addWish("a website", "1");
    setup.app.advance(1_000);
    const second = await setup.addWish("a shop", "2");
    await setup.plan();
    expect(await setup.readWish(first)).toMatchObject({ state: "planned" });
    expect(await setup.readWish(second)).toMatchObject({ state: "open" });
    // A repeated call is the same plan, not one for the second wish.
    await setup.plan();
    expect(await setup.readWish(second)).toMatchObject({ state: "open" });
    await setup.plan({ project: "Shop", wish: second });
    expect((await setup.listPlans()).sort()).toEqual(["Shop: awaiting_approval 0/8", "Website: awaiting_approval 0/8"]);
    await expect(setup.plan({ project: "Third", wish: "asked-for:9" })).rejects.toThrow("not_found: There is no wish");
    await expect(setup.plan({ project: "Third", wish: "no such \u0000 id" })).rejects.toThrow("There is no wish");
  });
});

describe("reliability 35: the completion of a plan", () => {
  async function closeTasks({ app }: PlanSetup, keys: string[]) {
    for (const key of keys) await app.actAs("Ada").setStatus(key, { status: "cancelled" });
    await app.drain();
  }

  test("wakes the Concierge once when all its tasks are closed, and not again for its project", async () => {
    const setup = await createPlanSetup();
    const wish = await setup.addWish("a website");
    await setup.plan();
    await approveOnly(setup);
    await setup.settle();
    setup.takeWakes();
    await closeTasks(setup, ["WEBS-3", "WEBS-2"]);
    await setup.advanceSeconds(5);
    expect(setup.takeWakes()).not.toContainEqual(expect.stringContaining("Concierge"));
    await closeTasks(setup, ["WEBS-1"]);
    await setup.advanceSeconds(5);
    const summary = "Concierge: WEBS All tasks of your plan are closed";
    expect(setup.takeWakes().filter((wake) => wake.startsWith("Concierge"))).toEqual([summary]);
    const kinds = setup.app.actions.map(({ event }) => event.kind);
    expect(kinds.filter((kind) => kind === "plan_completed" || kind === "project_completed")).toEqual([
      "plan_completed",
      "project_completed",
    ]);
    expect(await setup.readWish(wish)).toMatchObject({ state: "planned" });
  });

  test("leaves the completion of a project that goes on to the project", async () => {
    const setup = await createPlanSetup();
    await setup.plan();
    await setup.settle();
    await setup.callTool("Concierge", "create_task", { project: "WEBS", title: "Later" });
    setup.takeWakes();
    await closeTasks(setup, ["WEBS-2", "WEBS-3", "WEBS-1"]);
    await setup.advanceSeconds(5);
    const takeConciergeWakes = () => setup.takeWakes().filter((wake) => wake.startsWith("Concierge"));
    expect(takeConciergeWakes()).toEqual([expect.stringContaining("All tasks of your plan are closed")]);
    await closeTasks(setup, ["WEBS-4"]);
    await setup.advanceSeconds(5);
    expect(takeConciergeWakes()).toEqual([expect.stringContaining("All tasks of the project WEBS are done")]);
  });
});
