import { expect, test } from "vitest";
import { createObservedProject } from "./observed-project.ts";

test("rule 6: the actor of a change is not the actor of another assignment", async () => {
  const { app, plane, item, thot } = await createObservedProject({ needsActor: true });
  plane.editItem(item, { assignees: [app.human, thot] }, { by: app.human });
  plane.editItem(item, { assignees: [thot] }, { by: thot });
  await app.poll();
  const actors = app.actions.map(({ event, facts }) => `${event.kind} by ${facts.actor?.name}`);
  expect(actors).toEqual(["assigned by ada", "unassigned by thot"]);
});

test("rule 6: the actor of a change is unknown for a deleted item and for an item blocked by another", async () => {
  const { app, plane, project, item, thot } = await createObservedProject({ needsActor: true });
  const blocker = plane.addItem(project, { name: "First" }, { by: thot });
  await app.poll();
  plane.editItem(item, { state: "In Progress" }, { by: thot });
  plane.relate(item, blocker);
  await app.poll();
  plane.deleteItem(blocker);
  const body = '{"error":"The requested resource does not exist."}';
  plane.faults.add({ path: `${blocker.id}/activities/` }, { kind: "status", status: 404, body });
  await app.poll();
  const actors = app.actions.map(({ event, facts }) => `${facts.item?.key} ${event.kind} by ${facts.actor?.name}`);
  expect(actors).toEqual([
    ...["ONB-2 created by thot", "ONB-1 started by thot", "ONB-1 blocked by undefined"],
    ...["ONB-2 removed by undefined", "ONB-1 unblocked by undefined"],
  ]);
});

test("rule 8: comments are known by a hash of their content: an old webhook of an edited comment causes no event", async () => {
  const { app, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [first = ""] = await app.deliverWebhooks();
  plane.editComment(comment, "<p>Two</p>");
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "One"', 'ONB-1 comment_edited "Two"']);
  // Bytes that were not seen before, as a retry's are not: the same comment, older content.
  await app.enqueueWebhook(first.replace('"action"', ' "action"'));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 8: comments that Groundcrew writes or edits cause no events", async () => {
  const { app, plane, item } = await createObservedProject();
  const card = plane.addComment(item, "<p>Card</p>", { external: { source: "groundcrew", id: "card" } });
  await app.deliverWebhooks();
  plane.editComment(card, "<p>Card 2</p>");
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 8: a deleted comment causes no event, and its late webhook does not restore it, whether or not it was read before", async () => {
  const { app, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [body = ""] = await app.deliverWebhooks();
  await app.poll();
  plane.deleteComment(comment);
  await app.poll();
  app.takeEvents();
  await app.enqueueWebhook(` ${body}`);
  await app.runUntilIdle();
  const unread = plane.addComment(item, "<p>Two</p>");
  plane.runWorker();
  const [late] = plane.deliveries.pending.map((delivery) => delivery.body);
  plane.deleteComment(unread);
  app.dropWebhooks();
  await app.poll();
  await app.enqueueWebhook(late ?? "");
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});
