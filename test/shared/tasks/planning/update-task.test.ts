import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work.ts";
import type { Settings } from "../../../../shared/config/settings.ts";
import { readRelations } from "../../../../shared/sync/blockers.ts";
import { createHttpTestApp } from "../../../support/http-test-app.ts";
import { delayPlaneAnswers, readChangeSource } from "../../sync/rules/observed-project.ts";

type Options = Parameters<typeof createHttpTestApp>[0];

/** ONB-1 of Thot, ONB-2 of Imhotep that waits for it, and ONB-3 of nobody. */
async function createPlanApp(options: Options = {}) {
  const parts = { ruleSets: ({ agents }: Settings) => [createWorkRules(agents)] };
  const app = await createHttpTestApp({ parts, ...options });
  const first = app.addTask("Draw the plan", "Thot", { labels: [] });
  const isOld = options?.version === "1.2.2";
  const second = app.addTask("Build it", "Imhotep", {
    description_html: isOld ? "<p>With care.</p><p>Blocked by: ONB-1</p>" : "<p>With care.</p>",
  });
  const third = app.addTask("Paint it");
  if (!isOld) app.plane.relate(second, first);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const update = async (input: Record<string, unknown>, agent = "Concierge") => {
    const { status, json } = await app.callTool(agent, "update_task", input);
    return { status, json, message: (json as { error?: { message: string } }).error?.message ?? "" };
  };
  const list = async (agent: string) => {
    const { tasks } = (await app.callTool(agent, "list_my_tasks")).json as {
      tasks: { key: string; startable?: false }[];
    };
    return Object.fromEntries(tasks.map(({ key, startable = true }) => [key, startable]));
  };
  const settle = async () => {
    await app.runUntilIdle();
    app.advance(60_000);
    await app.poll();
    await app.runUntilIdle();
  };
  return { app, items: { first, second, third }, update, list, settle };
}

test("OPENCLAW-08 update_task changes all fields of a task with one paced request, and repeating it changes nothing", async () => {
  const { app, items, update, settle } = await createPlanApp();
  const changes = {
    task: "ONB-3",
    title: "Paint it red",
    text: "Two **coats**.",
    assignee: "Thot",
    priority: "urgent",
    start_date: "2026-12-01",
    due_date: "2026-12-24",
  };
  const began = app.time.now;
  const requests = await app.recordRequests(async () => {
    expect((await update(changes)).json).toMatchObject({
      key: "ONB-3",
      title: "Paint it red",
      description: "Two coats.",
      priority: "urgent",
      due_date: "2026-12-24",
    });
  });
  expect(requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(1);
  expect(app.time.now - began).toBe(0);
  expect(app.readPlaneItem(items.third)).toMatchObject({
    name: "Paint it red",
    description_html: "<p>Two <strong>coats</strong>.</p>",
    assignees: ["Thot"],
    labels: ["agent:Thot"],
    start_date: "2026-12-01",
    target_date: "2026-12-24",
  });
  const before = app.readPlaneItem(items.third);
  expect((await update(changes)).status).toBe(200);
  await settle();
  expect(app.readPlaneItem(items.third)).toMatchObject({ name: before.name, assignees: before.assignees });
});

test("update_task removes values with null and leaves omitted fields unchanged", async () => {
  const { app, items, update } = await createPlanApp();
  await update({ task: "ONB-1", due_date: "2026-12-24", priority: "high" });
  await update({ task: "ONB-1", due_date: null, assignee: null });
  expect(app.readPlaneItem(items.first)).toMatchObject({
    name: "Draw the plan",
    priority: "high",
    target_date: null,
    assignees: [],
    labels: [],
  });
});

test("update_task gives a task to another agent, whose claim the former agent then no longer has", async () => {
  const { app, items, update, list, settle } = await createPlanApp();
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await update({ task: "ONB-1", assignee: "Imhotep" });
  await settle();
  expect(app.readPlaneItem(items.first)).toMatchObject({ assignees: ["Imhotep"], labels: ["agent:Imhotep"] });
  expect(await list("Thot")).toEqual({});
  expect(await list("Imhotep")).toEqual({ "ONB-1": true, "ONB-2": false });
  expect((await app.callTool("Imhotep", "claim_task", { task: "ONB-1" })).status).toBe(200);
});

test.each(["1.3.1", "1.2.2"] as const)(
  "update_task adds blockers, which the task then waits for (Plane %s)",
  async (version) => {
    const { app, items, update, list, settle } = await createPlanApp({ version });
    expect((await update({ task: "ONB-1", add_blockers: ["ONB-3", "onb-3"] })).json).toMatchObject({
      blocked_by: [{ key: "ONB-3", status: "todo" }],
      startable: false,
    });
    await settle();
    expect(await list("Thot")).toEqual({ "ONB-1": false });
    app.plane.editItem(items.third, { state: "Done" });
    await settle();
    expect(await list("Thot")).toEqual({ "ONB-1": true });
  },
);

test.each(["1.3.1", "1.2.2"] as const)(
  "update_task removes a blocker for good, also after further reads, a restart and another change (Plane %s)",
  async (version) => {
    const { app, items, update, list, settle } = await createPlanApp({ version });
    expect(await list("Imhotep")).toEqual({ "ONB-2": false });
    expect((await update({ task: "ONB-2", remove_blockers: ["ONB-1"] })).json).toMatchObject({ blocked_by: [] });
    await settle();
    app.plane.addComment(items.second, "<p>Well then</p>");
    await settle();
    await app.restart();
    await settle();
    expect(await list("Imhotep")).toEqual({ "ONB-2": true });
    const comments = app.readComments(items.second).filter((comment) => comment.includes("removed the dependency"));
    expect(comments).toEqual([expect.stringContaining("Concierge removed the dependency on ONB-1")]);
    expect((await update({ task: "ONB-2", add_blockers: ["ONB-1"] })).json).toMatchObject({
      blocked_by: [{ key: "ONB-1" }],
    });
    await settle();
    expect(await list("Imhotep")).toEqual({ "ONB-2": false });
  },
);

test("a read of relations that began while a dependency was being written, and lacks it, does not undo it", async () => {
  const { app, items, update, list, settle } = await createPlanApp();
  const item = await app.readItem(items.third);
  if (!item) throw new Error("The item is not known.");
  const source = await readChangeSource(app, app.onb);
  const written = Promise.withResolvers<void>();
  let read: Promise<unknown> | undefined;
  const names = ["blocking", "blocked_by", "duplicate", "relates_to", "start_after", "start_before", "finish_after"];
  const body = JSON.stringify(Object.fromEntries([...names, "finish_before"].map((name) => [name, []])));
  app.plane.faults.add({ method: "GET", path: "/relations/" }, { kind: "status", status: 200, body }, 2);
  app.plane.faults.beforeRequest(({ method, path }) => {
    if (!path.includes("/relations/")) return;
    if (method === "GET") return written.promise;
    app.advance(50);
    read = readRelations(app.deps, item, source);
  });
  await update({ task: "ONB-3", assignee: "Thot", add_blockers: ["ONB-1"] });
  app.plane.faults.beforeRequest(undefined);
  written.resolve();
  await read;
  await app.runUntilIdle();
  expect(await list("Thot")).toMatchObject({ "ONB-3": false });
  await settle();
  expect(await list("Thot")).toMatchObject({ "ONB-3": false });
});

test("an older answer of Plane removes no dependency that was read before update_task added another one", async () => {
  const { app, items, update, settle } = await createPlanApp();
  const item = await app.readItem(items.third);
  if (!item) throw new Error("The item is not known.");
  const [answered, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const late = delayPlaneAnswers(app.deps, () => {
    answered.resolve();
    return held.promise;
  });
  const read = readRelations(late, item, await readChangeSource(app, app.onb));
  await answered.promise;
  app.plane.relate(items.third, items.second);
  await settle();
  await update({ task: "ONB-3", assignee: "Thot", add_blockers: ["ONB-1"] });
  held.resolve();
  await read;
  await app.runUntilIdle();
  expect((await app.readItem(items.third))?.blockers).toHaveLength(2);
});

test("a relation that people remove in Plane and add again counts again after update_task had removed it", async () => {
  const { app, items, update, list, settle } = await createPlanApp();
  await update({ task: "ONB-2", remove_blockers: ["ONB-1"] });
  await settle();
  app.plane.unrelate(items.second, items.first);
  await settle();
  app.plane.relate(items.second, items.first);
  await settle();
  expect(await list("Imhotep")).toEqual({ "ONB-2": false });
});

test("OPENCLAW-14 a removed blocker that is cancelled later does not block the task", async () => {
  const { app, items, update, list, settle } = await createPlanApp();
  await update({ task: "ONB-2", remove_blockers: ["ONB-1"] });
  app.plane.editItem(items.first, { state: "Cancelled" });
  await settle();
  expect(app.readPlaneItem(items.second).state).not.toBe("Blocked");
  expect(await list("Imhotep")).toEqual({ "ONB-2": true });
});

test("update_task puts a task into a cycle and a module of its project, which it creates when the name is new", async () => {
  const { app, items, update } = await createPlanApp();
  const by = app.getUser("Thot");
  const first = app.plane.addCycle(app.onb, { name: "Sprint 1" }, { by });
  const second = app.plane.addCycle(app.onb, { name: "Sprint 2" }, { by });
  const module = app.plane.addModule(app.onb, { name: "Interior" }, { by });
  expect((await update({ task: "ONB-3", cycle: "sprint 1", module: "Interior" })).status).toBe(200);
  expect((await update({ task: "ONB-3", cycle: "Sprint 2", title: "Paint it twice" })).status).toBe(200);
  expect(app.plane.groupItems(first)).toEqual([]);
  expect(app.plane.groupItems(second)).toEqual([items.third.id]);
  expect(app.plane.groupItems(module)).toEqual([items.third.id]);
  expect((await update({ task: "ONB-3", module: "Exterior" })).status).toBe(200);
  expect((await update({ task: "ONB-1", module: "exterior" })).status).toBe(200);
  const { status, message } = await update({ task: "ONB-3", cycle: " ", title: "Other" });
  expect([status, message]).toEqual([400, expect.stringContaining("the name of its cycle")]);
  expect(app.readPlaneItem(items.third).name).toBe("Paint it twice");
});

test("update_task refuses blockers that would wait for each other, with the whole cycle, and changes nothing", async () => {
  const { app, update } = await createPlanApp();
  await update({ task: "ONB-3", add_blockers: ["ONB-2"] });
  const requests = await app.recordRequests(async () => {
    const { status, message } = await update({ task: "ONB-1", title: "Other", add_blockers: ["ONB-3"] });
    expect([status, message]).toEqual([400, expect.stringContaining("(ONB-1 → ONB-3 → ONB-2 → ONB-1)")]);
    expect((await update({ task: "ONB-1", add_blockers: ["ONB-1"] })).message).toContain("(ONB-1 → ONB-1)");
  });
  expect(requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
});

test("update_task refuses what cannot be and says what to do, and it is refused to workers", async () => {
  const { app, update } = await createPlanApp();
  const refusals: [Record<string, unknown>, string][] = [
    [{ task: "ONB-3" }, "at least one field"],
    [{ task: "ONB-3", title: " " }, "the title is empty"],
    [{ task: "ONB-3", due_date: "24.12.2026" }, "write YYYY-MM-DD"],
    [{ task: "ONB-3", start_date: "2026-12-24", due_date: "2026-12-01" }, "start_date is after due_date"],
    [{ task: "ONB-3", assignee: "Nobody" }, "Agents: Concierge, Imhotep, Thot"],
    [{ task: "ONB-3", add_blockers: ["ONB-1"], remove_blockers: ["ONB-1"] }, "Give it once"],
    [{ task: "ONB-99", title: "x" }, "There is no task ONB-99"],
    [{ task: "ONB-3", status: "done" }, 'no field "status"'],
  ];
  const requests = await app.recordRequests(async () => {
    for (const [input, text] of refusals) {
      const { status, message } = await update(input);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(message).toContain(text);
    }
    expect((await update({ task: "ONB-1", title: "Mine" }, "Thot")).status).toBe(403);
  });
  expect(requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
});
