import { expect, test } from "vitest";
import { observedSets } from "../../../../shared/records/store-keys.ts";
import { readRelations } from "../../../../shared/sync/blockers.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

test("rule 4: removals and unassignments need two reads at least 2 s apart: neither a poll nor a webhook during an edit causes an unassignment", async () => {
  const { app, plane, item, thot } = await createObservedProject();
  const edit = plane.beginEdit(item, { assignees: [app.human, thot] });
  plane.addComment(item, "<p>moves updated_at</p>");
  app.onNextWait(() => edit.finish());
  const requests = await app.recordRequests(() => app.pollUntilIdle());
  const reads = requests.filter((request) => request === "GET work-items/:id");
  expect(reads, "one read confirms it").toHaveLength(1);
  expect(app.takeEvents().filter((event) => event.includes("assigned"))).toEqual(["ONB-1 assigned thot"]);
  app.dropWebhooks();

  plane.editItem(item, { name: "Manual" });
  const second = plane.beginEdit(item, { assignees: [thot] });
  const during = await app.recordRequests(() => app.deliverWebhooks());
  expect(during.filter((request) => request === "GET work-items/:id")).toHaveLength(1);
  second.finish();
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 unassigned ada"]);
});

test("rule 4: an unassignment causes its event even if the process crashes between the two reads after the cursor has moved", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await app.poll();
  app.takeEvents();
  plane.editItem(item, { assignees: [] });
  app.advance(30 * MINUTE);
  plane.editItem(other, { name: "Another" });
  app.dropWebhooks();
  app.onNextWait(() => {
    throw new Error("killed");
  });
  await expect(app.poll()).rejects.toThrow("killed");
  await app.restart();
  app.advance(5 * MINUTE);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 renamed", "ONB-1 unassigned ada"]);
});

test("rule 4: an archived item is removed and restored with its return; a deleted one stays removed despite late webhooks", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.archiveItem(item);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 removed"]);
  plane.restoreItem(item);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 restored"]);
  app.advance(1_000);
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const bodies = plane.deliveries.pending.map(({ body }) => body);
  plane.deliveries.dropAll();
  plane.deleteItem(item);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 removed"]);
  for (const body of bodies) await app.enqueueWebhook(body);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 4: an item in triage does not exist yet; once accepted, it is new", async () => {
  const { app, plane, project } = await createObservedProject();
  plane.addState(project, { name: "Triage", group: "triage" });
  const triageItem = plane.addItem(project, { name: "A wish", state: "Triage" });
  const draft = plane.addItem(project, { name: "A draft", is_draft: true });
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect(await app.readItem(draft)).toBeUndefined();
  plane.editItem(triageItem, { state: "Todo" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 created"]);
});

async function createBlockedItem(onto: "blocked" | "blocker" = "blocked") {
  const { app, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  await app.pollUntilIdle();
  app.takeEvents();
  app.advance(1_000);
  plane.relate(item, blocker, { onto });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  return { app, plane, project, item, blocker };
}

test("rule 7: a relation belongs to both items: one that changes only the blocker blocks the other item, and a removed one is not restored by an older read of it", async () => {
  const { app, plane, project, item, blocker } = await createBlockedItem("blocker");
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

test("rule 7: closing a blocker, which does not change its dependants in Plane, unblocks them at once; removing it deletes its dependencies", async () => {
  const { app, plane, blocker } = await createBlockedItem();
  plane.editItem(blocker, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 completed", "ONB-1 unblocked"]);
  plane.editItem(blocker, { state: "Todo" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 reopened", "ONB-1 blocked"]);
  expect(await app.store.count(observedSets.edges)).toBe(1);
  plane.deleteItem(blocker);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 removed", "ONB-1 unblocked"]);
  expect(await app.store.count(observedSets.edges)).toBe(0);
});
