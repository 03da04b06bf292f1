import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

test("rule 3: a pass reads ten minutes past the cursor, and the cursor moves after a complete pass only: a change that Plane lists later than its time is found", async () => {
  const { crew, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await crew.poll();
  crew.takeEvents();
  plane.editItem(item, { state: "Done" });
  crew.dropWebhooks();
  crew.advance(5 * MINUTE);
  plane.editItem(other, { name: "Another" });
  crew.dropWebhooks();
  // Its transaction is not over yet: the first pass does not see the row.
  const originalPlane = crew.deps.plane;
  crew.deps.plane = {
    ...originalPlane,
    pages: (endpoint, options) => dropRow(item.id, originalPlane.pages(endpoint, options)),
  };
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-2 renamed"]);
  crew.deps.plane = originalPlane;
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
});

test("rule 3: a pass reads ten minutes past the cursor, and the cursor moves after a complete pass only: changes that a pass did not reach are found by the next one", async () => {
  const { crew, plane, project } = await createObservedProject();
  const items = Array.from({ length: 130 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await crew.poll();
  for (let i = 0; i < 3; i += 1) {
    crew.advance(20 * MINUTE);
    await crew.poll();
  }
  crew.takeEvents();
  for (const one of items.slice(0, 30)) plane.editItem(one, { state: "Done" });
  crew.advance(15 * MINUTE);
  for (const one of items.slice(30)) plane.editItem(one, { state: "Done" });
  crew.dropWebhooks();
  const undo = plane.faults.add({ path: /work-items\/\?.*cursor=/ }, { kind: "status", status: 503 });
  await expect(crew.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents().filter((event) => event.endsWith("completed"))).toHaveLength(130);
});

test("rule 3: a pass reads ten minutes past the cursor, and the cursor moves after a complete pass only: a row that moved from one page to the previous one is found", async () => {
  const { crew, plane, project } = await createObservedProject();
  const items = Array.from({ length: 220 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await crew.poll();
  for (let i = 0; i < 3; i += 1) {
    crew.advance(20 * MINUTE);
    await crew.poll();
  }
  crew.takeEvents();
  for (const one of items.slice(0, 60)) plane.editItem(one, { state: "Done" });
  crew.advance(15 * MINUTE);
  for (const one of items.slice(60, 160)) plane.editItem(one, { state: "Done" });
  crew.dropWebhooks();
  const [, ...newest] = items.slice(60, 160).reverse();
  let deleted = 0;
  plane.faults.beforeRequest(({ path }) => {
    const one = newest[deleted];
    // One of the first page goes while the second is asked for: what was 101st is 100th now.
    if (!/work-items\/\?.*cursor=/.test(path) || deleted > 0 || !one) return;
    deleted += 1;
    plane.deleteItem(one);
  });
  await crew.poll();
  plane.faults.beforeRequest(undefined);
  crew.advance(5 * MINUTE);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents().filter((event) => event.endsWith("completed"))).toHaveLength(160);
});

test("rule 3: a pass reads ten minutes past the cursor, and the cursor moves after a complete pass only: a deletion and a creation between two ticks both cause events, although the count is the same", async () => {
  const { crew, plane, project, item } = await createObservedProject();
  plane.deleteItem(item);
  plane.addItem(project, { name: "Next" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents().sort()).toEqual(["ONB-1 removed", "ONB-2 created"]);
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
