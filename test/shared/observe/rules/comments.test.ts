import { expect, test } from "vitest";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

test("rule 8: comments are known by a hash of their content: an old webhook of an edited comment causes no event", async () => {
  const { crew, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [first = ""] = await crew.deliverWebhooks();
  plane.editComment(comment, "<p>Two</p>");
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(['ONB-1 comment_added "One"', 'ONB-1 comment_edited "Two"']);
  // Bytes that were not seen before, as a retry's are not: the same comment, older content.
  await crew.enqueueWebhook(first.replace('"action"', ' "action"'));
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 8: comments are known by a hash of their content: comments that Groundcrew writes or edits cause no events", async () => {
  const { crew, plane, item } = await createObservedProject();
  const card = plane.addComment(item, "<p>Card</p>", { external: { source: "groundcrew", id: "card" } });
  await crew.deliverWebhooks();
  plane.editComment(card, "<p>Card 2</p>");
  await crew.deliverWebhooks();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 8: comments are known by a hash of their content: a deleted comment causes no event, and its late webhook does not restore it", async () => {
  const { crew, plane, item } = await createObservedProject();
  const comment = plane.addComment(item, "<p>One</p>");
  const [body = ""] = await crew.deliverWebhooks();
  await crew.poll();
  plane.deleteComment(comment);
  await crew.poll();
  crew.takeEvents();
  await crew.enqueueWebhook(` ${body}`);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 8: the late webhook of a comment that was added and deleted between two reads causes no event", async () => {
  const { crew, plane, item } = await createObservedProject();
  plane.editItem(item, { name: "Manual" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed"]);
  const comment = plane.addComment(item, "<p>One</p>");
  plane.runWorker();
  const [late] = plane.deliveries.pending.map(({ body }) => body);
  plane.deleteComment(comment);
  await crew.poll();
  await crew.enqueueWebhook(late ?? "");
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});
