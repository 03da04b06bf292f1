import { expect, test } from "vitest";
import { z } from "zod";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { boardRoute } from "../../../functions/dashboard/board-route.ts";
import { decisionLogRoute } from "../../../functions/dashboard/decision-log-route.ts";
import { readRevision } from "../../../functions/dashboard/events-route.ts";
import { PAGE_TEXTS } from "../../../functions/dashboard/page/bundle.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import { readFirstLook } from "../../../shared/sync/first-look.ts";
import { createTestApp } from "../../support/test-app.ts";

const boardSchema = z.looseObject({
  projects: z.array(z.object({ identifier: z.string(), name: z.string() })),
  beyond: z.number(),
  columns: z.array(
    z.object({
      name: z.string(),
      total: z.number(),
      cards: z.array(
        z.looseObject({
          key: z.string(),
          title: z.string(),
          agent: z.string().optional(),
          assignees: z.array(z.string()),
          blockers: z.array(z.looseObject({ key: z.string() })),
        }),
      ),
    }),
  ),
});
const decisionLogSchema = z.object({
  rows: z.array(
    z.looseObject({
      id: z.string(),
      event: z.looseObject({ kind: z.string() }),
      item: z.looseObject({ key: z.string() }),
    }),
  ),
  next: z.string().optional(),
});

async function createBoardSetup() {
  const app = await createTestApp({ agents: [{ name: "Thot", email: "thot@example.com" }] });
  const thot = app.plane.addUser({ name: "Thot", email: "thot@example.com" });
  const [onb, web] = [app.addProject(), app.addProject("Website", "WEB")];
  // The test decides how long the board waits for names: until they have arrived, or not at all.
  const patience = { wait: () => new Promise<void>(() => {}) };
  const get = async (query = "", deps: Deps = { ...app.deps, ...patience }) =>
    boardSchema.parse(await (await boardRoute.app(deps).request(`/${query}`)).json());
  const trail = async (query = "") =>
    decisionLogSchema.parse(await (await decisionLogRoute.app(app.deps).request(`/${query}`)).json());
  const column = async (name: string, query = "") =>
    (await get(query)).columns.find((one) => one.name === name)?.cards.map(({ key }) => key);
  return { app, thot, onb, web, get, trail, column };
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

test("a card shows which agent has claimed its task until when, and the page's revision changes", async () => {
  const { app, thot, onb, get } = await createBoardSetup();
  app.plane.addItem(onb, { name: "Task", assignees: [thot] });
  await app.runFirstPoll();
  const card = async () => (await get()).columns[0]?.cards[0];
  expect(await card()).not.toHaveProperty("held");
  const revision = () => readRevision(app.deps);
  const before = await revision();
  const { since, until } = await createTaskOperations(app.deps, { name: "Thot", role: "worker" }).claim("ONB-1");
  expect(await card()).toMatchObject({ held: { by: "Thot", since, until } });
  expect(await revision()).not.toBe(before);
  app.advance(until - since);
  expect(await card()).not.toHaveProperty("held");
});

test("the board shows tasks that were done since Groundcrew started, latest first, and no earlier ones", async () => {
  const { app, onb, column } = await createBoardSetup();
  app.plane.addItem(onb, { name: "Long ago", state: "Done" });
  const [one, two] = [app.plane.addItem(onb, { name: "One" }), app.plane.addItem(onb, { name: "Two" })];
  await app.runFirstPoll();
  expect(await column("done")).toEqual([]);
  for (const item of [two, one]) {
    app.plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
    app.advance(2_000);
  }
  await app.runUntilIdle();
  expect(await column("done")).toEqual(["ONB-2", "ONB-3"]);
  app.plane.editItem(one, { state: "Todo" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await column("done")).toEqual(["ONB-3"]);
});

test("the board and the decision log can be filtered by project", async () => {
  const { app, onb, web, column, trail } = await createBoardSetup();
  await app.runFirstPoll();
  for (let i = 0; i < 5; i += 1) app.plane.addItem(i % 2 ? web : onb, { name: `Task ${i}` });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await column("todo", "?project=WEB"))?.sort()).toEqual(["WEB-1", "WEB-2"]);
  const rows = async (query: string) => (await trail(query)).rows.map(({ item }) => item.key).sort();
  expect(await rows("?project=WEB")).toEqual(["WEB-1", "WEB-2"]);
  expect(await rows("")).toHaveLength(5);
});

test("paging through the decision log returns each record once", async () => {
  const { app, onb, web, trail } = await createBoardSetup();
  await app.runFirstPoll();
  for (let i = 0; i < 12; i += 1) app.plane.addItem(i % 3 ? web : onb, { name: `Task ${i}` });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  for (const [filter, all] of [
    ["", 12],
    ["&project=WEB", 8],
  ] as const) {
    const seen: string[] = [];
    let next: string | undefined = "";
    while (next !== undefined) {
      const page = await trail(`?limit=3${filter}&before=${encodeURIComponent(next)}`);
      seen.push(...page.rows.map(({ id }) => id));
      next = page.next;
    }
    expect([seen.length, new Set(seen).size]).toEqual([all, all]);
  }
});

test("each source of an observation has a text on the page, also for a removed task", async () => {
  const { app, onb, trail } = await createBoardSetup();
  const items = ["One", "Two", "Three"].map((name) => app.plane.addItem(onb, { name }));
  const [one, two, three] = items;
  if (!one || !two || !three) throw new Error("no items");
  await app.runFirstPoll();
  app.plane.editItem(one, { priority: "high" });
  await app.deliverWebhooks();
  app.plane.relate(two, one);
  app.plane.deleteItem(three);
  await app.poll();
  await app.runUntilIdle();
  await app.poll();
  await app.runUntilIdle();
  const rows = (await trail()).rows.map(({ via }) => String(via));
  expect(new Set(rows)).toEqual(new Set(["webhook", "relations", "absence"]));
  for (const via of rows) expect(Object.keys(PAGE_TEXTS.en)).toContain(`via.${via}`);
});

test("while Plane is down the board only lacks names that are not cached", async () => {
  const { app, thot, onb, get } = await createBoardSetup();
  app.plane.addItem(onb, { name: "Task", assignees: [thot] });
  await app.runFirstPoll();
  await app.restart();
  await app.plane.takeDown();
  const { columns } = await get("", app.deps);
  expect(columns[0]?.cards).toMatchObject([{ key: "ONB-1", assignees: [] }]);
});

test("of more open tasks than the limit, the board shows some and counts the others", {
  timeout: 60_000,
}, async () => {
  const { app, onb, get } = await createBoardSetup();
  for (let i = 0; i < 1_050; i += 1) app.plane.addItem(onb, { name: `Task ${i}` });
  await app.runFirstPoll();
  const { columns, beyond } = await get();
  expect([columns[0]?.cards.length, columns[0]?.total, beyond]).toEqual([200, 1_000, 50]);
});

test("the board tells how far the first look is while projects are read, and the page learns each step", async () => {
  const { app, onb, web } = await createBoardSetup();
  for (let n = 0; n < 4; n += 1) app.plane.addItem(onb, { name: `Task ${n}` });
  app.plane.addItem(web, { name: "Page" });
  expect(await readFirstLook(app.deps)).toBeUndefined();
  const lift = app.plane.faults.add({ path: `projects/${web.id}/` }, { kind: "status", status: 403, body: "{}" });
  await app.poll().catch(() => {});
  const half = { projects: 2, projects_left: 1, items_read: 4, stage: "projects", percent: 50 };
  expect(await readFirstLook(app.deps)).toMatchObject(half);
  const before = await readRevision(app.deps);
  lift();
  await app.poll();
  expect((await readFirstLook(app.deps))?.projects_left ?? 0).toBe(0);
  expect(await readRevision(app.deps)).not.toBe(before);
});
