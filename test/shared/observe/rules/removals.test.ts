import { expect, test } from "vitest";
import { pollTick } from "../../../../functions/poll/poll-tick.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

test("rule 4: removals and unassignments need two reads at least 2 s apart: a poll during an edit unassigns nobody", async () => {
  const { crew, plane, item, thot } = await createObservedProject();
  const edit = plane.beginEdit(item, { assignees: [crew.human, thot] });
  plane.addComment(item, "<p>moves updated_at</p>");
  crew.onNextWait(() => edit.finish());
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents().filter((event) => event.includes("assigned"))).toEqual(["ONB-1 assigned thot"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: a webhook sent during an edit unassigns nobody", async () => {
  const { crew, plane, item, thot } = await createObservedProject();
  plane.editItem(item, { name: "Manual" });
  const edit = plane.beginEdit(item, { assignees: [thot] });
  await crew.deliverWebhooks();
  edit.finish();
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 assigned thot", "ONB-1 unassigned ada"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an unassignment causes its event in the same tick", async () => {
  const { crew, plane, item } = await createObservedProject();
  plane.editItem(item, { assignees: [] });
  crew.dropWebhooks();
  await pollTick.run({ ...crew.deps, kick: () => {} });
  expect((await crew.readItem(item))?.snapshot.assignees).toEqual([]);
  await crew.drain();
  expect(crew.takeEvents()).toEqual(["ONB-1 unassigned ada"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an unassignment causes its event even if the process crashes between the two reads after the cursor has moved", async () => {
  const { crew, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await crew.poll();
  crew.takeEvents();
  plane.editItem(item, { assignees: [] });
  crew.advance(30 * MINUTE);
  plane.editItem(other, { name: "Another" });
  crew.dropWebhooks();
  crew.onNextWait(() => {
    throw new Error("killed");
  });
  await expect(crew.poll()).rejects.toThrow("killed");
  await crew.restart();
  crew.advance(5 * MINUTE);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-2 renamed", "ONB-1 unassigned ada"]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an item that one read did not find is not removed", async () => {
  const { crew, plane, item } = await createObservedProject();
  plane.archiveItem(item);
  crew.onNextWait(() => plane.restoreItem(item));
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an archived item is removed and restored with its return; a deleted one stays removed despite late webhooks", async () => {
  const { crew, plane, item } = await createObservedProject();
  plane.archiveItem(item);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 removed"]);
  plane.restoreItem(item);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 restored"]);
  crew.advance(1_000);
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const bodies = plane.deliveries.pending.map(({ body }) => body);
  plane.deliveries.dropAll();
  plane.deleteItem(item);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 removed"]);
  for (const body of bodies) await crew.enqueueWebhook(body);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 4: removals and unassignments need two reads at least 2 s apart: an item in triage does not exist yet; once accepted, it is new", async () => {
  const { crew, plane, project } = await createObservedProject();
  plane.addState(project, { name: "Triage", group: "triage" });
  const triageItem = plane.addItem(project, { name: "A wish", state: "Triage" });
  const draft = plane.addItem(project, { name: "A draft", is_draft: true });
  await crew.deliverWebhooks();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  expect(await crew.readItem(draft)).toBeUndefined();
  plane.editItem(triageItem, { state: "Todo" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["ONB-2 created"]);
});
