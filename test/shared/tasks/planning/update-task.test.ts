import { expect, test } from "vitest";
import { readRelations } from "../../../../shared/sync/blockers.ts";
import { WORK_RULES } from "../../../support/agent-test-app.ts";
import { createHttpTestApp } from "../../../support/http-test-app.ts";
import { delayPlaneAnswers, readChangeSource } from "../../sync/rules/observed-project.ts";

/** ONB-1 of Thot, ONB-2 of Imhotep that waits for it, and ONB-3 of nobody. */
async function createPlanApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp({ parts: WORK_RULES, ...options });
  const first = app.addTask("Draw the plan", "Thot", { labels: [] });
  const isOld = options?.version === "1.2.2";
  const second = app.addTask("Build it", "Imhotep", {
    description_html: isOld ? "<p>With care.</p><p>Blocked by: ONB-1</p>" : "<p>With care.</p>",
  });
  const third = app.addTask("Paint it");
  if (!isOld) app.plane.relate(second, first);
  await app.runFirstPoll();
  await app.runUntilIdle();
  return {
    ...{ app, first, second, third },
    async update(input: Record<string, unknown>, agent = "Concierge") {
      const { status, json } = await app.callTool(agent, "update_task", input);
      return { status, json, message: (json as { error?: { message: string } }).error?.message ?? "" };
    },
    /** The agent's tasks, and whether it can start them. */
    async list(agent: string) {
      const { tasks } = await app.actAs(agent).list({});
      return Object.fromEntries(tasks.map(({ key, startable = true }) => [key, startable]));
    },
    async settle() {
      await app.runUntilIdle();
      app.advance(60_000);
      await app.pollUntilIdle();
    },
    readStored: async () => (await app.readItem(third)) ?? expect.fail("The item is not known."),
  };
}

test("OPENCLAW-08 update_task changes all fields of a task with one paced request, repeating it changes nothing, and null removes values", async () => {
  const { app, third, update, settle } = await createPlanApp();
  const fields = { title: "Paint it red", priority: "urgent", due_date: "2026-12-24" };
  const others = { text: "Two **coats**.", assignee: "Thot", start_date: "2026-12-01" };
  const began = app.time.now;
  const requests = await app.recordRequests(async () => {
    const { json } = await update({ task: "ONB-3", ...fields, ...others });
    expect(json).toMatchObject({ key: "ONB-3", ...fields, description: "Two coats." });
  });
  expect(requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(1);
  expect(app.time.now - began).toBe(0);
  const changed = {
    ...{ name: "Paint it red", description_html: "<p>Two <strong>coats</strong>.</p>", assignees: ["Thot"] },
    ...{ labels: ["agent:Thot"], start_date: "2026-12-01", target_date: "2026-12-24" },
  };
  expect(app.readPlaneItem(third)).toMatchObject(changed);
  expect((await update({ task: "ONB-3", ...fields, ...others })).status).toBe(200);
  await settle();
  expect(app.readPlaneItem(third)).toMatchObject(changed);
  await update({ task: "ONB-3", due_date: null, assignee: null });
  const removed = { target_date: null, assignees: [], labels: [] };
  expect(app.readPlaneItem(third)).toMatchObject({ ...changed, ...removed });
});

test.each(["1.3.1", "1.2.2"] as const)("update_task adds and removes blockers for good (Plane %s)", async (version) => {
  const { app, second, third, update, list, settle } = await createPlanApp({ version });
  const blocked_by = [{ key: "ONB-3", status: "todo" }];
  const added = await update({ task: "ONB-1", add_blockers: ["ONB-3", "onb-3"] });
  expect(added.json).toMatchObject({ blocked_by, startable: false });
  await settle();
  expect(await list("Thot")).toEqual({ "ONB-1": false });
  app.plane.editItem(third, { state: "Done" });
  await settle();
  expect([await list("Thot"), await list("Imhotep")]).toEqual([{ "ONB-1": true }, { "ONB-2": false }]);
  expect((await update({ task: "ONB-2", remove_blockers: ["ONB-1"] })).json).toMatchObject({ blocked_by: [] });
  await settle();
  app.plane.addComment(second, "<p>Well then</p>");
  await settle();
  await app.restart();
  await settle();
  expect(await list("Imhotep")).toEqual({ "ONB-2": true });
  const comments = app.readComments(second).filter((comment) => comment.includes("removed the dependency"));
  expect(comments).toEqual([expect.stringContaining("Concierge removed the dependency on ONB-1")]);
  const again = await update({ task: "ONB-2", add_blockers: ["ONB-1"] });
  expect(again.json).toMatchObject({ blocked_by: [{ key: "ONB-1" }] });
  await settle();
  expect(await list("Imhotep")).toEqual({ "ONB-2": false });
});

test("an older answer of Plane removes no dependency that was read before update_task added another one", async () => {
  const { app, second, third, update, settle, readStored } = await createPlanApp();
  const [answered, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const late = delayPlaneAnswers(app.deps, () => {
    answered.resolve();
    return held.promise;
  });
  const read = readRelations(late, await readStored(), await readChangeSource(app, app.onb));
  await answered.promise;
  app.plane.relate(third, second);
  await settle();
  await update({ task: "ONB-3", assignee: "Thot", add_blockers: ["ONB-1"] });
  held.resolve();
  await read;
  await app.runUntilIdle();
  expect((await readStored()).blockers).toHaveLength(2);
});

test("OPENCLAW-14 a removed blocker that is cancelled later does not block the task, and counts again when people add the relation again", async () => {
  const { app, first, second, update, list, settle } = await createPlanApp();
  await update({ task: "ONB-2", remove_blockers: ["ONB-1"] });
  app.plane.editItem(first, { state: "Cancelled" });
  await settle();
  expect(app.readPlaneItem(second).state).not.toBe("Blocked");
  expect(await list("Imhotep")).toEqual({ "ONB-2": true });
  app.plane.editItem(first, { state: "Todo" });
  for (const change of [app.plane.unrelate, app.plane.relate]) {
    change(second, first);
    await settle();
  }
  expect(await list("Imhotep")).toEqual({ "ONB-2": false });
});

test("update_task refuses what cannot be, as blockers that would wait for each other, says what to do, and is refused to workers", async () => {
  const { app, update } = await createPlanApp();
  await update({ task: "ONB-3", add_blockers: ["ONB-2"] });
  const refusals: [Record<string, unknown>, string][] = [
    [{ task: "ONB-1", title: "Other", add_blockers: ["ONB-3"] }, "(ONB-1 → ONB-3 → ONB-2 → ONB-1)"],
    [{ task: "ONB-1", add_blockers: ["ONB-1"] }, "(ONB-1 → ONB-1)"],
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
