import { expect, test } from "vitest";
import { readRelations } from "../../../../shared/observe/relations.ts";
import { observedSets } from "../../../../shared/observe/store-keys.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

async function pair() {
  const { crew, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  await crew.poll();
  await crew.runUntilIdle();
  crew.takeEvents();
  crew.advance(1_000);
  return { crew, plane, project, item, blocker };
}

test("rule 7: a relation belongs to both items: a relation that was added to the blocker, which changes only the blocker, blocks the other item", async () => {
  const { crew, plane, item, blocker } = await pair();
  plane.relate(item, blocker, { onto: "blocker" });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 blocked"]);
});

test("rule 7: a relation belongs to both items: a relation that was removed from the blocker is not restored by an older read of the other item", async () => {
  const { crew, plane, project, item, blocker } = await pair();
  plane.relate(item, blocker);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 blocked"]);
  const kept = await crew.readItem(item);
  if (!kept) throw new Error("not kept");
  const deps = delayPlaneAnswers(crew.deps, async () => {
    crew.advance(1_000);
    plane.unrelate(item, blocker, { onto: "blocker" });
    await crew.poll();
  });
  await readRelations(deps, kept, await readChangeSource(crew, project));
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 7: a relation belongs to both items: closing a blocker, which does not change its dependants in Plane, unblocks them at once", async () => {
  const { crew, plane, item, blocker } = await pair();
  plane.relate(item, blocker);
  await crew.poll();
  crew.takeEvents();
  plane.editItem(blocker, { state: "Done" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["ONB-2 completed", "ONB-1 unblocked"]);
  plane.editItem(blocker, { state: "Todo" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["ONB-2 reopened", "ONB-1 blocked"]);
});

test("rule 7: a relation belongs to both items: removing an item deletes its dependencies", async () => {
  const { crew, plane, item, blocker } = await pair();
  plane.relate(item, blocker);
  await crew.poll();
  crew.takeEvents();
  expect(await crew.store.count(observedSets.edges)).toBe(1);
  plane.deleteItem(blocker);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-2 removed", "ONB-1 unblocked"]);
  expect(await crew.store.count(observedSets.edges)).toBe(0);
});
