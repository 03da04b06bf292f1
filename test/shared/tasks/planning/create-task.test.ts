import { describe, expect, test } from "vitest";
import { createTaskOperations } from "../../../../functions/agent/tool.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAtStep } from "../../../support/crash-at-step.ts";

async function createAppWithGuide(version: "1.3.1" | "1.2.2" = "1.3.1", config = {}) {
  const app = await createAgentTestApp({ version, ...config });
  const guide = app.addTask("Guide");
  app.advance(60_000);
  await app.runFirstPoll();
  app.takeEvents();
  const later = () => app.advance(20_000);
  return { app, plane: app.plane, guide, later };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 on Plane %s", (version) => {
  test("a task is created by the Concierge for an agent with all given fields, and observed at once", async () => {
    const { app, plane } = await createAppWithGuide(version);
    const answer = await app.actAs("Concierge").create({
      project: "onb",
      title: " Tour ",
      description: "Show **everything** there is.",
      assignee: "imhotep",
      priority: "high",
      due_date: "2026-12-01",
    });
    expect(answer).toMatchObject({
      key: "ONB-2",
      title: "Tour",
      description: "Show everything there is.",
      status: "todo",
      priority: "high",
      due_date: "2026-12-01",
      project: "ONB",
      blocked_by: [],
    });
    const [, tour] = plane.items(app.onb);
    expect(tour && app.readPlaneItem(tour)).toMatchObject({
      description_html: expect.stringContaining("<strong>everything</strong>"),
      assignees: ["Imhotep"],
      labels: ["agent:Imhotep"],
      created_by: app.getUser("Concierge").id,
    });
    expect((await app.actAs("Imhotep").list({})).tasks.map(({ key }) => key)).toEqual(["ONB-2"]);
  });

  test("a task with blockers is assigned only after its blockers are in Plane", async () => {
    const { app, plane, guide } = await createAppWithGuide(version);
    const early: boolean[] = [];
    plane.faults.beforeRequest(() => {
      const tour = plane.items(app.onb).find(({ name }) => name === "Tour");
      if (tour && version !== "1.2.2") early.push(tour.assignees.length > 0 && plane.blockers(tour).length === 0);
    });
    const answer = await app
      .actAs("Concierge")
      .create({ project: "ONB", title: "Tour", assignee: "Thot", blocked_by: [app.toTaskKey(guide), guide.id] });
    expect(answer).toMatchObject({ key: "ONB-2", blocked_by: [{ key: "ONB-1", status: "todo" }], startable: false });
    const [, tour] = plane.items(app.onb);
    if (version === "1.2.2") expect(tour?.description_html).toContain("Blocked by: ONB-1");
    else expect(plane.blockers(tour ?? "")).toEqual([guide.id]);
    expect(early).not.toContain(true);
    await app.poll();
    await app.runUntilIdle();
    expect((await app.actAs("Thot").list({})).tasks[0]).toMatchObject({ blocked_by: [{ key: "ONB-1" }] });
    plane.editItem(guide, { state: "Done" });
    await app.poll();
    await app.runUntilIdle();
    expect(app.takeEvents()).toContain("ONB-2 unblocked");
  });
});

test("OPENCLAW-08 repeating the call, also concurrently, returns the same task; another input is another task", async () => {
  const { app, plane, later } = await createAppWithGuide();
  const newTask = { project: "ONB", title: "Tour", assignee: "Thot" };
  // Waiting takes no time here, so one of two calls may give up before the other is complete.
  const both = [app.actAs("Concierge").create(newTask), app.actAs("Concierge").create(newTask)];
  await Promise.allSettled(both);
  const one = await Promise.any(both);
  later();
  const two = await app.actAs("Concierge").create(newTask);
  const three = await app.actAs("Concierge").create(newTask);
  later();
  await app.actAs("Concierge").create({ ...newTask, title: "Fair" });
  expect([two.key, three.key]).toEqual([one.key, one.key]);
  expect(plane.items(app.onb).map(({ name }) => name)).toEqual(["Guide", "Tour", "Fair"]);
});

test("a call killed at any step and repeated creates one complete task", async () => {
  const newTask = { project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] };
  let most = Number.POSITIVE_INFINITY;
  for (let nth = 1; nth <= most; nth += pickSize(1, 3)) {
    const { app, plane, guide } = await createAppWithGuide();
    const crash = crashAtStep(app.deps, nth, nth % 2 === 0 ? "before" : "after");
    await crash.orCrash(createTaskOperations(crash.deps, app.getCaller("Concierge")).create(newTask)).then(
      () => {
        most = crash.state.steps;
      },
      () => app.advance(61_000),
    );
    const answer = await app.actAs("Concierge").create(newTask);
    expect(answer.blocked_by?.map(({ key }) => key)).toEqual(["ONB-1"]);
    const items = plane.items(app.onb).slice(1);
    expect(items.map((item) => [app.readPlaneItem(item).assignees, plane.blockers(item)])).toEqual([
      [["Thot"], [guide.id]],
    ]);
  }
  expect(most).toBeGreaterThan(8);
});

test("a task that cannot be created is refused with the problem", async () => {
  const { app, plane } = await createAppWithGuide();
  plane.addUser({ name: "Ada" });
  const problems: [object, string][] = [
    [{ title: "" }, "the title is empty"],
    [{ title: "x".repeat(256) }, "the title has 256 characters; the limit is 255"],
    [{ due_date: "2026-02-30" }, '"2026-02-30" is not a valid date'],
    [{ due_date: "tomorrow" }, '"tomorrow" is not a valid date'],
    [{ assignee: "Nobody" }, 'There is no user "Nobody". Agents: Concierge, Imhotep, Thot'],
    [{ assignee: "Ada" }, 'Several people have the name "Ada". Give an e-mail address.'],
    [
      { project: "Nowhere" },
      'There is no project "Nowhere". Create it with create_project. Existing projects: ONB (Onboarding)',
    ],
    [{ blocked_by: ["ONB-99"] }, "There is no task ONB-99"],
  ];
  for (const [wrong, message] of problems)
    await expect(app.actAs("Concierge").create({ project: "ONB", title: "Tour", ...wrong })).rejects.toThrow(message);
  expect(plane.items(app.onb)).toHaveLength(1);
});

test("OPENCLAW-08 each agent's persona, load and pace are listed without a request to Plane", async () => {
  const { app } = await createAppWithGuide("1.3.1", { agents: { Thot: { about: "Writes." } } });
  await app.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot" });
  await app.actAs("Thot").claim("ONB-2");
  await app.runUntilIdle();
  let team: unknown;
  const requests = await app.recordRequests(async () => {
    team = await app.actAs("Concierge").team();
  });
  expect(requests).toEqual([]);
  expect(team).toContainEqual({
    name: "Thot",
    role: "worker",
    about: "Writes.",
    open: 1,
    blocked: 0,
    holds: ["ONB-2"],
    past: { finished: 0 },
  });
});
