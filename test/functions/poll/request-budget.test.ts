import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** Reliability 23: projects + 1, pages with changes, at most 2 per changed item. */

async function createProjectsWithItems(
  projects: number,
  items: number,
  options: Parameters<typeof createTestApp>[0] = {},
) {
  const crew = await createTestApp(options);
  const all = Array.from({ length: projects }, (_, i) => crew.addProject(`Project ${i}`, `P${i}`));
  const createdItems = all.map((project) =>
    Array.from({ length: items }, (_, n) => crew.plane.addItem(project, { name: `Item ${n}`, state: "Done" })),
  );
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  return { crew, plane: crew.plane, projects: all, items: createdItems };
}

test("23: a tick without changes costs projects + 1 requests, also right after a baseline of 1,000 items per project", async () => {
  const { crew } = await createProjectsWithItems(3, 1_000);
  for (let tick = 0; tick < 5; tick += 1) {
    const requests = await crew.recordRequests(() => crew.poll());
    expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
    crew.advance(5 * MINUTE);
  }
});

test("23: the baseline costs one page per 1,000 items", async () => {
  const crew = await createTestApp();
  const project = crew.addProject();
  for (let n = 0; n < 2_500; n += 1) crew.plane.addItem(project, { name: `Item ${n}`, state: "Done" });
  crew.advance(MINUTE);
  const requests = await crew.recordRequests(() => crew.runFirstPoll());
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
});

test("23: relations of existing open items are read once each, after everything else", async () => {
  const crew = await createTestApp();
  const project = crew.addProject();
  for (let n = 0; n < 20; n += 1) crew.plane.addItem(project, { name: `Item ${n}` });
  crew.advance(MINUTE);
  const requests = await crew.recordRequests(() => crew.runFirstPoll());
  expect(requests.filter((request) => request.endsWith("relations"))).toHaveLength(20);
  expect(requests).toHaveLength(22);
  expect(await crew.recordRequests(() => crew.poll())).toHaveLength(2);
});

test("23: each changed item costs one read of its comments and one of its relations, however often the tick runs", async () => {
  const { crew, plane, items } = await createProjectsWithItems(2, 30);
  const [first = [], second = []] = items;
  for (const item of [...first.slice(0, 7), ...second.slice(0, 3)])
    plane.editItem(item, { name: "Renamed", state: "Todo" });
  crew.dropWebhooks();
  const requests = await crew.recordRequests(async () => {
    await crew.poll();
    await crew.runUntilIdle();
  });
  expect(requests.slice(0, 3)).toEqual(["GET projects", "GET work-items", "GET work-items"]);
  expect(requests.slice(3).sort()).toEqual([
    ...Array.from({ length: 10 }, () => "GET work-items/:id/comments"),
    ...Array.from({ length: 10 }, () => "GET work-items/:id/relations"),
  ]);
  expect(crew.takeEvents()).toHaveLength(20);
  expect(await crew.recordRequests(() => crew.poll())).toHaveLength(3);
});

test("23: an item reported by webhooks costs the same requests at the next poll", async () => {
  const { crew, plane, items } = await createProjectsWithItems(1, 5);
  const [other, item] = items[0] ?? [];
  if (!other || !item) throw new Error("no item");
  // Who is who is asked once.
  plane.editItem(other, { name: "Renamed" });
  await crew.deliverWebhooks();
  await crew.poll();
  expect(
    await crew.recordRequests(async () => {
      plane.editItem(item, { state: "Todo" });
      await crew.deliverWebhooks();
      plane.editItem(item, { state: "In Progress" });
      await crew.deliverWebhooks();
      await crew.runUntilIdle();
    }),
  ).toEqual([]);
  const requests = await crew.recordRequests(() => crew.poll());
  expect(requests.sort()).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/comments",
    "GET work-items/:id/relations",
  ]);
});

test("23: 100 deletions cost two lists of ids and one read of the project", async () => {
  const { crew, plane, items } = await createProjectsWithItems(1, 120);
  for (const item of items[0]?.slice(0, 100) ?? []) plane.deleteItem(item);
  const requests = await crew.recordRequests(() => crew.poll());
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items", "GET projects/:id"]);
  expect(crew.takeEvents()).toHaveLength(100);
});

test("23: an item that lost all assignees costs one more read", async () => {
  const crew = await createTestApp();
  const project = crew.addProject();
  const item = crew.plane.addItem(project, { name: "Guide", assignees: [crew.human] });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  crew.plane.editItem(item, { assignees: [] });
  const requests = await crew.recordRequests(async () => {
    await crew.poll();
    await crew.runUntilIdle();
  });
  expect(requests.filter((request) => request === "GET work-items/:id")).toHaveLength(1);
  expect(requests).toHaveLength(5);
});

test("webhooks of a busy project that is not followed do not cost one read each", async () => {
  const crew = await createTestApp({ projects: ["ONB"] });
  const { plane } = crew;
  crew.addProject();
  const busy = crew.addProject("Busy", "BUSY");
  const item = plane.addItem(busy, { name: "Other people's" });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  const requests = await crew.recordRequests(async () => {
    for (let i = 0; i < 40; i += 1) {
      crew.advance(5_000);
      plane.editItem(item, { name: `Edit ${i}` });
      await crew.deliverWebhooks();
      await crew.runUntilIdle();
    }
  });
  expect(requests).toEqual(["GET projects"]);
  expect(crew.takeEvents()).toEqual([]);
});
