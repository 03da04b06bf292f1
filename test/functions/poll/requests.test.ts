import { expect, test } from "vitest";
import { createCrew } from "../../crew.ts";

const MINUTE = 60_000;

/** Reliability 23: projects + 1, pages with changes, at most 2 per changed item. */

async function house(projects: number, items: number, options: Parameters<typeof createCrew>[0] = {}) {
  const crew = await createCrew(options);
  const all = Array.from({ length: projects }, (_, i) => crew.project(`Project ${i}`, `P${i}`));
  const made = all.map((project) =>
    Array.from({ length: items }, (_, n) => crew.plane.addItem(project, { name: `Item ${n}`, state: "Done" })),
  );
  crew.pass(MINUTE);
  await crew.begin();
  return { crew, plane: crew.plane, projects: all, items: made };
}

test("23: a tick without changes costs projects + 1 requests, also right after a first look at 1,000 items per project", async () => {
  const { crew } = await house(3, 1_000);
  for (let tick = 0; tick < 5; tick += 1) {
    const requests = await crew.requests(() => crew.poll());
    expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
    crew.pass(5 * MINUTE);
  }
});

test("23: the first look costs a page per 1,000 items", async () => {
  const crew = await createCrew();
  const project = crew.project();
  for (let n = 0; n < 2_500; n += 1) crew.plane.addItem(project, { name: `Item ${n}`, state: "Done" });
  crew.pass(MINUTE);
  const requests = await crew.requests(() => crew.begin());
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
});

test("23: relations of open items that were there before us are read once each, after everything else", async () => {
  const crew = await createCrew();
  const project = crew.project();
  for (let n = 0; n < 20; n += 1) crew.plane.addItem(project, { name: `Item ${n}` });
  crew.pass(MINUTE);
  const requests = await crew.requests(() => crew.begin());
  expect(requests.filter((request) => request.endsWith("relations"))).toHaveLength(20);
  expect(requests).toHaveLength(22);
  expect(await crew.requests(() => crew.poll())).toHaveLength(2);
});

test("23: each changed item costs its comments and its relations, once, however often the tick comes", async () => {
  const { crew, plane, items } = await house(2, 30);
  const [first = [], second = []] = items;
  for (const item of [...first.slice(0, 7), ...second.slice(0, 3)])
    plane.editItem(item, { name: "Renamed", state: "Todo" });
  crew.lose();
  const requests = await crew.requests(async () => {
    await crew.poll();
    await crew.settle();
  });
  expect(requests.slice(0, 3)).toEqual(["GET projects", "GET work-items", "GET work-items"]);
  expect(requests.slice(3).sort()).toEqual([
    ...Array.from({ length: 10 }, () => "GET work-items/:id/comments"),
    ...Array.from({ length: 10 }, () => "GET work-items/:id/relations"),
  ]);
  expect(crew.events()).toHaveLength(20);
  expect(await crew.requests(() => crew.poll())).toHaveLength(3);
});

test("23: an item that webhooks told of costs the same when the poll comes by", async () => {
  const { crew, plane, items } = await house(1, 5);
  const [other, item] = items[0] ?? [];
  if (!other || !item) throw new Error("no item");
  // Who is who is asked once.
  plane.editItem(other, { name: "Renamed" });
  await crew.deliver();
  await crew.poll();
  expect(
    await crew.requests(async () => {
      plane.editItem(item, { state: "Todo" });
      await crew.deliver();
      plane.editItem(item, { state: "In Progress" });
      await crew.deliver();
      await crew.settle();
    }),
  ).toEqual([]);
  const requests = await crew.requests(() => crew.poll());
  expect(requests.sort()).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/comments",
    "GET work-items/:id/relations",
  ]);
});

test("23: 100 deletions cost two lists of ids and one look at the project", async () => {
  const { crew, plane, items } = await house(1, 120);
  for (const item of items[0]?.slice(0, 100) ?? []) plane.deleteItem(item);
  const requests = await crew.requests(() => crew.poll());
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items", "GET projects/:id"]);
  expect(crew.events()).toHaveLength(100);
});

test("23: who lost all assignees costs one more read", async () => {
  const crew = await createCrew();
  const project = crew.project();
  const item = crew.plane.addItem(project, { name: "Guide", assignees: [crew.human] });
  crew.pass(MINUTE);
  await crew.begin();
  crew.plane.editItem(item, { assignees: [] });
  const requests = await crew.requests(async () => {
    await crew.poll();
    await crew.settle();
  });
  expect(requests.filter((request) => request === "GET work-items/:id")).toHaveLength(1);
  expect(requests).toHaveLength(5);
});

test("webhooks of a busy project that is not followed cost no reading each", async () => {
  const crew = await createCrew({ projects: ["ONB"] });
  const { plane } = crew;
  crew.project();
  const busy = crew.project("Busy", "BUSY");
  const item = plane.addItem(busy, { name: "Other people's" });
  crew.pass(MINUTE);
  await crew.begin();
  const requests = await crew.requests(async () => {
    for (let i = 0; i < 40; i += 1) {
      crew.pass(5_000);
      plane.editItem(item, { name: `Edit ${i}` });
      await crew.deliver();
      await crew.settle();
    }
  });
  expect(requests).toEqual(["GET projects"]);
  expect(crew.events()).toEqual([]);
});
