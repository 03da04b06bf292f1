import { expect, test } from "vitest";
import { observedSets } from "../../../../shared/records/store-keys.ts";
import { readRelations } from "../../../../shared/sync/blockers.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

async function pair() {
  const { app, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  app.advance(1_000);
  return { app, plane, project, item, blocker };
}

test("rule 7: a relation belongs to both items: a relation that was added to the blocker, which changes only the blocker, blocks the other item", async () => {
  const { app, plane, item, blocker } = await pair();
  plane.relate(item, blocker, { onto: "blocker" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
});

test("rule 7: a relation belongs to both items: a relation that was removed from the blocker is not restored by an older read of the other item", async () => {
  const { app, plane, project, item, blocker } = await pair();
  plane.relate(item, blocker);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  const stored = await app.readItem(item);
  if (!stored) throw new Error("not kept");
  const deps = delayPlaneAnswers(app.deps, async () => {
    app.advance(1_000);
    plane.unrelate(item, blocker, { onto: "blocker" });
    await app.poll();
  });
  await readRelations(deps, stored, await readChangeSource(app, project));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 7: a relation belongs to both items: closing a blocker, which does not change its dependants in Plane, unblocks them at once", async () => {
  const { app, plane, item, blocker } = await pair();
  plane.relate(item, blocker);
  await app.poll();
  app.takeEvents();
  plane.editItem(blocker, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 completed", "ONB-1 unblocked"]);
  plane.editItem(blocker, { state: "Todo" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 reopened", "ONB-1 blocked"]);
});

test("rule 7: a relation belongs to both items: removing an item deletes its dependencies", async () => {
  const { app, plane, item, blocker } = await pair();
  plane.relate(item, blocker);
  await app.poll();
  app.takeEvents();
  expect(await app.store.count(observedSets.edges)).toBe(1);
  plane.deleteItem(blocker);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 removed", "ONB-1 unblocked"]);
  expect(await app.store.count(observedSets.edges)).toBe(0);
});
