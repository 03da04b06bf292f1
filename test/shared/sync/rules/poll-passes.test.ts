import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Ten rows a page, so that a dozen items need two. */
const fetchSmallPages: typeof fetch = (input, init) =>
  fetch(String(input).replace("per_page=100", "per_page=10"), init);

test("rule 3: a pass reads ten minutes past the cursor: a change that Plane lists later than its time is found", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await app.poll();
  app.takeEvents();
  plane.editItem(item, { state: "Done" });
  app.dropWebhooks();
  app.advance(5 * MINUTE);
  plane.editItem(other, { name: "Another" });
  app.dropWebhooks();
  // Its transaction is not over yet: the first pass does not see the row.
  const originalPlane = app.deps.plane;
  app.deps.plane = {
    ...originalPlane,
    pages: (endpoint, options) => dropRow(item.id, originalPlane.pages(endpoint, options)),
  };
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 renamed"]);
  app.deps.plane = originalPlane;
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
});

/** Observed items, of which ten were done 15 minutes after the others, and a pass needs more than one page of changes. */
async function createManyChanges() {
  const { app, plane, project } = await createObservedProject({ fetch: fetchSmallPages });
  const items = Array.from({ length: 20 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await app.poll();
  for (let i = 0; i < 3; i += 1) {
    app.advance(20 * MINUTE);
    await app.poll();
  }
  app.takeEvents();
  for (const one of items.slice(0, 10)) plane.editItem(one, { state: "Done" });
  app.advance(15 * MINUTE);
  for (const one of items.slice(10)) plane.editItem(one, { state: "Done" });
  app.dropWebhooks();
  const countCompleted = () => app.takeEvents().filter((event) => event.endsWith("completed")).length;
  return { app, plane, items, countCompleted };
}

test("rule 3: the cursor moves after a complete pass only: changes that a pass did not reach are found by the next one", async () => {
  const { app, plane, countCompleted } = await createManyChanges();
  const undo = plane.faults.add({ path: /work-items\/\?.*cursor=/ }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await app.pollUntilIdle();
  expect(countCompleted()).toBe(20);
});

test("rule 3: a row that moved from one page to the previous one is found", async () => {
  const { app, plane, items, countCompleted } = await createManyChanges();
  plane.faults.beforeRequest(({ path }) => {
    // An item of the first page is deleted while the second page is requested, so the 11th item becomes the 10th.
    if (!/work-items\/\?.*cursor=/.test(path)) return;
    plane.faults.beforeRequest(undefined);
    plane.deleteItem(items[18] ?? "");
  });
  await app.poll();
  plane.faults.beforeRequest(undefined);
  app.advance(5 * MINUTE);
  await app.pollUntilIdle();
  expect(countCompleted()).toBe(20);
});

test("rule 3: a project in which nothing changes is read back to its newest item only", async () => {
  const { app, plane, project } = await createObservedProject({ fetch: fetchSmallPages });
  for (let i = 0; i < 20; i += 1) {
    app.advance(1_000);
    plane.addItem(project, { name: `Item ${i}` });
  }
  for (let i = 0; i < 3; i += 1) {
    await app.poll();
    app.advance(20 * MINUTE);
  }
  const requests = await app.recordRequests(() => app.poll());
  expect(requests.filter((request) => request === "GET work-items")).toHaveLength(1);
});

test("rule 3: a deletion and a creation between two ticks both cause events, although the count is the same", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.deleteItem(item);
  plane.addItem(project, { name: "Next" });
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ONB-1 removed", "ONB-2 created"]);
});

test("rule 4: what is deleted and created while all ids are compared is removed by the same pass, or stays", async () => {
  const duringList: (() => unknown)[] = [];
  const { app, plane, project, item } = await createObservedProject({
    fetch: async (input, init) => {
      const answer = await fetch(String(input).replace("per_page=1000", "per_page=2"), init);
      if (String(input).includes("order_by=created_at")) await duringList.shift()?.();
      return answer;
    },
  });
  const [first] = Array.from({ length: 3 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await app.poll();
  app.takeEvents();
  plane.deleteItem(item);
  app.dropWebhooks();
  duringList.push(
    // A row moves to the page that has been read, so the list is read again.
    () => plane.deleteItem(first ?? ""),
    () => app.dropWebhooks(),
    async () => {
      plane.addItem(project, { name: "New" });
      await app.deliverWebhooks();
    },
  );
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ONB-1 removed", "ONB-2 removed", "ONB-5 created"]);
});

/** A list without one row. */
async function* dropRow<T extends { data: { results: unknown[] } }>(
  id: string,
  pages: AsyncIterable<T>,
): AsyncIterable<T> {
  for await (const page of pages) {
    const results = page.data.results.filter((row) => !JSON.stringify(row).includes(id));
    yield { ...page, data: { ...page.data, results } };
  }
}
