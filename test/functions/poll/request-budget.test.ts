import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** Reliability 23: projects + 1, pages with changes, at most 2 per changed item. */

async function createProjectsWithItems(
  projects: number,
  items: number,
  options: Parameters<typeof createTestApp>[0] = {},
) {
  const app = await createTestApp(options);
  const all = Array.from({ length: projects }, (_, i) => app.addProject(`Project ${i}`, `P${i}`));
  const createdItems = all.map((project) =>
    Array.from({ length: items }, (_, n) => app.plane.addItem(project, { name: `Item ${n}`, state: "Done" })),
  );
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane: app.plane, projects: all, items: createdItems };
}

test("reliability 23: a tick without changes costs projects + 1 requests, also right after a baseline of 1,000 items per project", async () => {
  const { app } = await createProjectsWithItems(3, 1_000);
  for (let tick = 0; tick < 5; tick += 1) {
    const requests = await app.recordRequests(() => app.poll());
    expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
    app.advance(5 * MINUTE);
  }
});

test("reliability 23: the baseline costs one page per 1,000 items", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  for (let n = 0; n < 2_500; n += 1) app.plane.addItem(project, { name: `Item ${n}`, state: "Done" });
  app.advance(MINUTE);
  const requests = await app.recordRequests(() => app.runFirstPoll());
  expect(requests).toEqual(["GET projects", "GET members", "GET work-items", "GET work-items", "GET work-items"]);
});

test("reliability 23: relations of existing open items are read once each, after everything else", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  for (let n = 0; n < 20; n += 1) app.plane.addItem(project, { name: `Item ${n}` });
  app.advance(MINUTE);
  const requests = await app.recordRequests(() => app.runFirstPoll());
  expect(requests.filter((request) => request.endsWith("relations"))).toHaveLength(20);
  expect(requests).toHaveLength(23);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(2);
});

test("reliability 23: each changed item costs one read of its comments and one of its relations, however often the tick runs", async () => {
  const { app, plane, items } = await createProjectsWithItems(2, 30);
  const [first = [], second = []] = items;
  for (const item of [...first.slice(0, 7), ...second.slice(0, 3)])
    plane.editItem(item, { name: "Renamed", state: "Todo" });
  app.dropWebhooks();
  const requests = await app.recordRequests(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  expect(requests.slice(0, 3)).toEqual(["GET projects", "GET work-items", "GET work-items"]);
  expect(requests.slice(3).sort()).toEqual([
    ...Array.from({ length: 10 }, () => "GET work-items/:id/comments"),
    ...Array.from({ length: 10 }, () => "GET work-items/:id/relations"),
  ]);
  expect(app.takeEvents()).toHaveLength(20);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(3);
});

test("reliability 23: an item reported by webhooks costs the same requests at the next poll", async () => {
  const { app, plane, items } = await createProjectsWithItems(1, 5);
  const [other, item] = items[0] ?? [];
  if (!other || !item) throw new Error("no item");
  // The list of people is read only once.
  plane.editItem(other, { name: "Renamed" });
  await app.deliverWebhooks();
  await app.poll();
  expect(
    await app.recordRequests(async () => {
      plane.editItem(item, { state: "Todo" });
      await app.deliverWebhooks();
      plane.editItem(item, { state: "In Progress" });
      await app.deliverWebhooks();
      await app.runUntilIdle();
    }),
  ).toEqual([]);
  const requests = await app.recordRequests(() => app.poll());
  expect(requests.sort()).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/comments",
    "GET work-items/:id/relations",
  ]);
});

test("23: 100 deletions cost one list of ids, one read of each item and two of the project", async () => {
  const { app, plane, items } = await createProjectsWithItems(1, 120);
  for (const item of items[0]?.slice(0, 100) ?? []) plane.deleteItem(item);
  const requests = await app.recordRequests(() => app.poll());
  const reads = requests.filter((request) => request === "GET work-items/:id");
  expect(reads).toHaveLength(100);
  expect(requests.filter((request) => request !== "GET work-items/:id").sort()).toEqual([
    "GET projects",
    ...["GET projects/:id", "GET projects/:id", "GET work-items", "GET work-items"],
  ]);
  expect(app.takeEvents()).toHaveLength(100);
});

test("reliability 23: an item that lost all assignees costs one more read", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide", assignees: [app.human] });
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.plane.editItem(item, { assignees: [] });
  const requests = await app.recordRequests(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  expect(requests.filter((request) => request === "GET work-items/:id")).toHaveLength(1);
  expect(requests).toHaveLength(5);
});

test("webhooks of a busy project that is not followed do not cost one read each", async () => {
  const app = await createTestApp({ projects: ["ONB"] });
  const { plane } = app;
  app.addProject();
  const busy = app.addProject("Busy", "BUSY");
  const item = plane.addItem(busy, { name: "Other people's" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  const requests = await app.recordRequests(async () => {
    for (let i = 0; i < 40; i += 1) {
      app.advance(5_000);
      plane.editItem(item, { name: `Edit ${i}` });
      await app.deliverWebhooks();
      await app.runUntilIdle();
    }
  });
  expect(requests).toEqual(["GET projects"]);
  expect(app.takeEvents()).toEqual([]);
});
