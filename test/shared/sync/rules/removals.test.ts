import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 4: removals and unassignments need two reads at least 2 s apart: a poll during an edit causes no unassignment", async () => {
  const { app, plane, item, thot } = await createObservedProject();
  const edit = plane.beginEdit(item, { assignees: [app.human, thot] });
  plane.addComment(item, "<p>moves updated_at</p>");
  app.onNextWait(() => edit.finish());
  const requests = await app.recordRequests(() => app.pollUntilIdle());
  expect(
    requests.filter((request) => request === "GET work-items/:id"),
    "one read confirms it",
  ).toHaveLength(1);
  expect(app.takeEvents().filter((event) => event.includes("assigned"))).toEqual(["ONB-1 assigned thot"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: a webhook sent during an edit causes no unassignment", async () => {
  const { app, plane, item, thot } = await createObservedProject();
  plane.editItem(item, { name: "Manual" });
  const edit = plane.beginEdit(item, { assignees: [thot] });
  await app.deliverWebhooks();
  edit.finish();
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 assigned thot", "ONB-1 unassigned ada"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an unassignment causes its event even if the process crashes between the two reads after the cursor has moved", async () => {
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

test("rule 4: removals and unassignments need two reads at least 2 s apart: an archived item is removed and restored with its return; a deleted one stays removed despite late webhooks", async () => {
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

test("rule 4: removals and unassignments need two reads at least 2 s apart: an item in triage does not exist yet; once accepted, it is new", async () => {
  const { app, plane, project } = await createObservedProject();
  plane.addState(project, { name: "Triage", group: "triage" });
  const triageItem = plane.addItem(project, { name: "A wish", state: "Triage" });
  const draft = plane.addItem(project, { name: "A draft", is_draft: true });
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect(await app.readItem(draft)).toBeUndefined();
  plane.editItem(triageItem, { state: "Todo" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 created"]);
});
