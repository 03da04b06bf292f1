import { describe, expect, test } from "vitest";
import { createTaskOperations } from "../../../../functions/agent/tool.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAtStep } from "../../../support/crash-after-change.ts";

type NewTask = Parameters<ReturnType<Awaited<ReturnType<typeof createAgentTestApp>>["actAs"]>["create"]>[0];

/** An app whose project has the task Guide, ONB-1. */
async function createAppWithGuide(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ config: { plan: { approve: false } }, ...options });
  const guide = app.addTask("Guide");
  await app.runFirstPoll(60_000);
  app.takeEvents();
  return {
    ...{ app, plane: app.plane, guide },
    create: (given: Partial<NewTask> = {}) =>
      app.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot", ...given }),
    /** The created items as they are in Plane. */
    readCreated: () =>
      app.plane
        .items(app.onb)
        .slice(1)
        .map((item) => app.readPlaneItem(item)),
    /** Plans tasks and returns the answer to the same call after the plan was carried out in the background. */
    async carryOutPlan(tasks: Parameters<ReturnType<typeof app.actAs>["plan"]>[0]["tasks"]) {
      await app.addWish();
      const plan = () => app.actAs("Concierge").plan({ project: "ONB", tasks });
      await plan();
      await app.runUntilIdle();
      return plan();
    },
  };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 on Plane %s", (version) => {
  test("a task is created by the Concierge for an agent with all given fields, and assigned only after its blockers are in Plane", async () => {
    const { app, plane, guide, create, readCreated } = await createAppWithGuide({ version });
    const early: boolean[] = [];
    plane.faults.beforeRequest(() => {
      const [, tour] = plane.items(app.onb);
      if (tour && version !== "1.2.2") early.push(tour.assignees.length > 0 && plane.blockers(tour).length === 0);
    });
    const description = "Show **everything** there is.";
    const fields = { priority: "high", due_date: "2026-12-01" } as const;
    const blocked_by = ["ONB-1", guide.id];
    expect(
      await create({ project: "onb", title: " Tour ", description, assignee: "thot", ...fields, blocked_by }),
    ).toMatchObject({
      ...{ key: "ONB-2", title: "Tour", description: "Show everything there is.", status: "todo", project: "ONB" },
      ...{ ...fields, blocked_by: [{ key: "ONB-1", status: "todo" }], startable: false },
    });
    const [tour] = readCreated();
    expect(tour).toMatchObject({
      description_html: expect.stringContaining("<strong>everything</strong>"),
      ...{ assignees: ["Thot"], labels: ["agent:Thot"], created_by: app.getUser("Concierge").id },
    });
    if (version === "1.2.2") expect(tour?.description_html).toContain("Blocked by: ONB-1");
    else expect(plane.blockers(tour ?? "")).toEqual([guide.id]);
    expect(early).not.toContain(true);
    await app.pollUntilIdle();
    const { tasks } = await app.actAs("Thot").list({});
    expect(tasks).toMatchObject([{ key: "ONB-2", blocked_by: [{ key: "ONB-1" }] }]);
    plane.editItem(guide, { state: "Done" });
    await app.pollUntilIdle();
    expect(app.takeEvents()).toContain("ONB-2 unblocked");
  });
});

test("a call killed at any step and repeated creates one complete task", async () => {
  let most = Number.POSITIVE_INFINITY;
  for (let nth = 1; nth <= most; nth += pickSize(1, 4)) {
    const { app, plane, guide, create, readCreated } = await createAppWithGuide();
    const crash = crashAtStep(app.deps, nth, nth % 2 === 0 ? "before" : "after");
    const work = createTaskOperations(crash.deps, app.getCaller("Concierge"));
    const newTask = { project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] };
    await crash.orCrash(work.create(newTask)).then(
      () => {
        most = crash.state.steps;
      },
      () => app.advance(61_000),
    );
    expect(await create({ blocked_by: ["ONB-1"] })).toMatchObject({ blocked_by: [{ key: "ONB-1" }] });
    const created = readCreated().map((item) => [item.assignees, plane.blockers(item)]);
    expect(created).toEqual([[["Thot"], [guide.id]]]);
  }
  expect(most).toBeGreaterThan(8);
});

test.each<[Partial<NewTask>, string]>([
  [{ title: "" }, "the title is empty"],
  [{ title: "x".repeat(256) }, "the title has 256 characters; the limit is 255"],
  [{ due_date: "2026-02-30" }, '"2026-02-30" is not a valid date'],
  [{ assignee: "Nobody" }, 'There is no user "Nobody". Agents: Concierge, Imhotep, Thot'],
  [{ assignee: "Ada" }, 'Several people have the name "Ada". Give an e-mail address.'],
  [{ project: "Nowhere" }, 'no project "Nowhere". Create it with create_project. Existing projects: ONB (Onboarding)'],
  [{ blocked_by: ["ONB-99"] }, "There is no task ONB-99"],
])("a task that cannot be created is refused with the problem: %o", async (wrong, message) => {
  const { plane, create, readCreated } = await createAppWithGuide();
  plane.addUser({ name: "Ada" });
  await expect(create(wrong)).rejects.toThrow(message);
  expect(readCreated()).toEqual([]);
});

test("OPENCLAW-08 each agent's persona, load and pace are listed without a request to Plane", async () => {
  const { app, create } = await createAppWithGuide({ agents: { Thot: { about: "Writes." } } });
  await create();
  await app.actAs("Thot").claim("ONB-2");
  await app.runUntilIdle();
  let team: unknown;
  const requests = await app.recordRequests(async () => {
    team = await app.actAs("Concierge").team();
  });
  expect(requests).toEqual([]);
  expect(team).toContainEqual({
    ...{ name: "Thot", role: "worker", about: "Writes.", open: 1, blocked: 0, holds: ["ONB-2"] },
    past: { finished: 0 },
  });
});

test("a label agent:<name> that people have deleted since it was listed is created again for a new task", async () => {
  const { app, create, readCreated } = await createAppWithGuide();
  const gone = { "agent:thot": "11111111-2222-4333-8444-555555555555" };
  await app.deps.cache.setItem(`labels-of:${app.onb.id}`, gone);
  await create();
  expect(readCreated()).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
});

test("an assignee whom Plane does not accept is a warning of a plan, whose other tasks are assigned", async () => {
  const { app, plane, carryOutPlan, readCreated } = await createAppWithGuide();
  plane.addProjectMember(app.onb, plane.addUser({ name: "Gus", role: 5 }), 5);
  const { warnings } = await carryOutPlan([
    { id: "1", title: "Tour", assignee: "gus" },
    { id: "2", title: "Map", assignee: "Thot" },
  ]);
  expect(warnings).toEqual([expect.stringContaining("1: Plane does not accept gus as the assignee of ONB-2")]);
  expect(readCreated().map(({ assignees }) => assignees)).toEqual([[], ["Thot"]]);
});
