import { expect, test } from "vitest";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 8: comments are known by a hash of their content: an old webhook of an edited comment causes no event", async () => {
  const { app, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [first = ""] = await app.deliverWebhooks();
  plane.editComment(comment, "<p>Two</p>");
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "One"', 'ONB-1 comment_edited "Two"']);
  // Bytes that were not seen before, as a retry's are not: the same comment, older content.
  await app.enqueueWebhook(first.replace('"action"', ' "action"'));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 8: comments are known by a hash of their content: comments that Groundcrew writes or edits cause no events", async () => {
  const { app, plane, item } = await createObservedProject();
  const card = plane.addComment(item, "<p>Card</p>", { external: { source: "groundcrew", id: "card" } });
  await app.deliverWebhooks();
  plane.editComment(card, "<p>Card 2</p>");
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 8: comments are known by a hash of their content: a deleted comment causes no event, and its late webhook does not restore it", async () => {
  const { app, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [body = ""] = await app.deliverWebhooks();
  await app.poll();
  plane.deleteComment(comment);
  await app.poll();
  app.takeEvents();
  await app.enqueueWebhook(` ${body}`);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 8: the late webhook of a comment that was added and deleted between two reads causes no event", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.editItem(item, { name: "Manual" });
  app.dropWebhooks();
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
  const comment = plane.addComment(item, "<p>One</p>");
  plane.runWorker();
  const [late] = plane.deliveries.pending.map(({ body }) => body);
  plane.deleteComment(comment);
  await app.poll();
  await app.enqueueWebhook(late ?? "");
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});
