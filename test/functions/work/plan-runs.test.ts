import { expect, test } from "vitest";
import { createPlanSetup, readRun, WEBSITE } from "./plan-setup.ts";

test("reliability 35: a plan of 20 tasks is answered with at most two requests to Plane and completes by itself at 60 requests a minute", async () => {
  const setup = await createPlanSetup({ rateLimit: 60 });
  const { app, plan, settle, takeWakes } = setup;
  const tasks = Array.from({ length: 20 }, (_, i) => ({
    id: `t${i}`,
    title: `Task ${i}`,
    assignee: i % 2 === 0 ? "Imhotep" : "Thot",
    ...(i > 1 ? { blocked_by: [`t${i - 2}`] } : {}),
  }));
  const startedAt = app.deps.clock();
  const requests = await app.recordRequests(async () => {
    // Without the background work that the call starts.
    const answer = await setup.callTool("Concierge", "plan_project", { ...WEBSITE, tasks }, () => {});
    expect(answer).toMatchObject({ done: [], remaining: 59, retry_after: 59 });
  });
  expect(requests.length).toBeLessThanOrEqual(2);
  expect(app.deps.clock() - startedAt).toBeLessThan(1_000);

  const seen: number[] = [];
  for (let second = 0; second < 600 && seen.at(-1) !== 20; second += 1) {
    await app.drain();
    const lists = await Promise.all(["Imhotep", "Thot"].map((name) => app.actAs(name).list({})));
    seen.push(lists.reduce((sum, { tasks: visible }) => sum + visible.length, 0));
    if (seen.at(-1) === 0) expect(takeWakes()).toEqual([]);
    app.advance(1_000);
  }
  expect([...new Set(seen)]).toEqual([0, 20]);
  expect(await setup.listPlans()).toEqual(["Website: done 59/59"]);
  await settle();
  expect(takeWakes()).toEqual(["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-2 It is yours to do"]);
  expect(app.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
  expect(await plan({ tasks })).toMatchObject({ project: "WEBS", remaining: 0 });
});

test("tasks of an incomplete plan cannot be claimed, are not counted in list_agents, and cause no wake at a poll", async () => {
  const { app, plan, callTool, settle, takeWakes } = await createPlanSetup();
  await plan();
  let interrupted = false;
  app.plane.faults.beforeRequest(({ method, path }) => {
    if (method === "PATCH" && path.includes("work-items")) interrupted = true;
  });
  app.plane.faults.add({ method: "PATCH", path: /work-items/ }, { kind: "status", status: 503 }, 1_000);
  // The first assignment reaches Plane by hand, as if its answer was lost.
  for (let i = 0; i < 60 && !interrupted; i += 1) {
    await app.drain();
    app.advance(1_000);
  }
  const { data } = await app.deps.plane.call((await import("../../../shared/plane/projects.ts")).projectsApi.list);
  const website = data.results.find(({ name }) => name === "Website")?.id ?? "";
  const [drawing] = app.plane.items(website);
  app.plane.editItem(drawing ?? "", { assignees: [app.getUser("Imhotep")] });
  await app.poll();
  await app.poll();
  expect((await app.actAs("Imhotep").list({})).tasks).toEqual([]);
  const team = (await callTool("Concierge", "list_agents", {}))["agents"];
  expect(team).toContainEqual(expect.objectContaining({ name: "Imhotep", open: 0 }));
  await expect(callTool("Imhotep", "claim_task", { task: "WEBS-1" })).rejects.toThrow(
    "conflict: WEBS-1 belongs to a plan that is still being created",
  );
  await expect(callTool("Imhotep", "update_task_status", { task: "WEBS-1", status: "in_progress" })).rejects.toThrow(
    "belongs to a plan that is still being created",
  );
  expect(takeWakes()).toEqual([]);
  app.plane.faults.clear();
  await settle();
  expect(takeWakes()).toEqual(["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-3 It is yours to do"]);
});

test("create_task and later plans use the cycles and modules that exist, by name; wrong dates are refused", async () => {
  const setup = await createPlanSetup();
  const tasks = [{ id: "a", title: "A", cycle: "Sprint 1", module: "Design" }];
  const cycles = [{ name: "Sprint 1", start_date: "2026-12-01", end_date: "2026-12-31" }];
  await setup.plan({ tasks, cycles });
  await setup.settle();
  const newTask = { project: "WEBS", title: "B", cycle: "sprint 1", module: "Text", estimate: { minutes: 5 } };
  await setup.callTool("Concierge", "create_task", newTask);
  await setup.callTool("Concierge", "create_task", newTask);
  await setup.settle();
  expect(await setup.readPlane()).toEqual([
    "project WEBS",
    "A |  |  | 0",
    "B |  |  | 0",
    "Sprint 1 2026-12-31 2",
    "Text 1",
    "Design 1",
  ]);
  const half = { project: "Other", tasks, cycles: [{ name: "Sprint 1", start_date: "2026-12-01" }] };
  await expect(setup.plan(half)).rejects.toThrow('cycle "Sprint 1": give both dates or none');
  const unnamed = { project: "Other", tasks: [{ id: "a", title: "A", cycle: " " }] };
  await expect(setup.plan(unnamed)).rejects.toThrow("a: the name of its cycle must have 1 to 255 characters");
});

test("OPENCLAW-11, 12 a task of an agent has its card with estimate and confidence from its creation", async () => {
  const setup = await createPlanSetup();
  const newTask = { project: "ONB", title: "B", assignee: "Thot", estimate: { minutes: 90, cost: 3 } };
  await setup.callTool("Concierge", "create_task", newTask);
  await setup.advanceSeconds(3);
  const [item] = setup.app.plane.items(setup.app.onb);
  const cards = setup.app.readComments(item ?? { id: "" });
  expect(cards).toHaveLength(1);
  expect(cards[0]).toContain("<strong>Planned:</strong> 3, 1:30:00");
  expect(cards[0]).toContain("<strong>Confidence:</strong> 0.8 (assumed)");
  await setup.callTool("Thot", "claim_task", { task: "ONB-1" });
  await setup.advanceSeconds(60);
  expect(setup.app.readComments(item ?? { id: "" })).toEqual([expect.stringContaining("<strong>Agent:</strong> Thot")]);
});

test("a step that Plane refuses for good ends the plan, wakes the Concierge with the reason, and the same call continues it", async () => {
  const setup = await createPlanSetup();
  const { app, plan, settle, takeWakes } = setup;
  app.plane.faults.add({ method: "POST", path: /relations/ }, { kind: "status", status: 400 }, 1);
  await plan();
  await setup.advanceSeconds(60);
  const run = await setup.readOnlyRun();
  expect(run).toMatchObject({ state: "failed", reason: expect.stringContaining("Plane") });
  expect(takeWakes()).toEqual(["Concierge: WEBS Your plan could not be carried out"]);
  await plan();
  await settle();
  expect(await setup.listPlans()).toEqual(["Website: done 8/8"]);
  expect(await setup.readPlane()).toEqual([
    "project WEBS",
    "Drawing | Imhotep |  | 1",
    "Text | Thot | Drawing | 1",
    "Idea | Thot |  | 1",
  ]);
});

test("a plan goes on within 20 seconds after Plane was down for ten minutes", async () => {
  const setup = await createPlanSetup();
  const { app, plan } = setup;
  await plan();
  app.plane.faults.add({ method: "POST", path: /work-items\/$/ }, { kind: "status", status: 503 }, 100_000);
  for (let second = 0; second < 600; second += 5) {
    await app.drain();
    app.advance(5_000);
  }
  expect(await setup.listPlans()).toEqual(["Website: running 1/8"]);
  app.plane.faults.clear();
  await setup.advanceSeconds(20);
  expect(await setup.listPlans()).toEqual(["Website: done 8/8"]);
});

test.each([
  ["loses its role", "is no longer a Concierge"],
  ["is removed from the settings", "is no longer an agent in the settings"],
])("a plan whose agent %s fails with that reason", async (change, reason) => {
  const setup = await createPlanSetup();
  const { app, plan } = setup;
  await plan();
  const { agents } = app.settings;
  const others = agents.filter(({ name }) => name !== "Concierge");
  const worker = agents.flatMap((agent) => (agent.name === "Concierge" ? [{ ...agent, role: "worker" }] : []));
  const stored = change === "loses its role" ? [...worker, ...others] : others;
  await app.restart({ config: { agents: JSON.parse(JSON.stringify(stored)) } });
  await setup.settle();
  expect(await setup.readOnlyRun()).toMatchObject({ state: "failed", reason: expect.stringContaining(reason) });
});

test("an incomplete plan whose run is not stored continues with the same call, and creates nothing again", async () => {
  const setup = await createPlanSetup();
  const { app } = setup;
  await setup.plan();
  await app.drain();
  const run = await readRun(setup);
  const progress = await app.store.read<{ tasks: Record<string, object> }>([`plan:${run.project}`]);
  expect(Object.keys(progress[0]?.value.tasks ?? {})).not.toHaveLength(0);
  const before = await setup.readPlane();
  await app.store.commit({ put: [{ key: `planrun:${run.id}`, value: undefined }] });
  await setup.settle();
  expect(await setup.readPlane()).toEqual(before);
  await setup.plan();
  await setup.settle();
  expect(await setup.listPlans()).toEqual(["Website: done 8/8"]);
  expect(await setup.readPlane()).toEqual([
    "project WEBS",
    "Drawing | Imhotep |  | 1",
    "Text | Thot | Drawing | 1",
    "Idea | Thot |  | 1",
  ]);
  expect(setup.takeWakes()).toEqual(["Imhotep: WEBS-1 It is yours to do", "Thot: WEBS-3 It is yours to do"]);
});
