import { expect, test } from "vitest";
import { inboxHandler } from "../../../../functions/webhooks/webhook-routes.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 10: every tick derives blockers and tasks from the stored state: a lost job is repaired: an item whose blocker is done is unblocked at the next tick", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  plane.relate(item, blocker);
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  app.dropWebhooks();
  plane.editItem(blocker, { state: "Done" });
  plane.runWorker();
  const [delivery] = plane.deliveries.pending;
  await app.enqueueWebhook(delivery?.body ?? "");
  // The webhook is handled, and its follow-up jobs are lost.
  const [job] = await app.store.take("inbox", MINUTE, 1);
  if (!job) throw new Error("nothing in the inbox");
  await inboxHandler.handle(app.deps, job);
  await app.store.acknowledge(job, { done: true });
  for (const lost of await app.store.take("observe", MINUTE, 100)) await app.store.acknowledge(lost, { done: true });
  app.dropWebhooks();
  await app.drain();
  expect(app.takeEvents()).toEqual(["ONB-2 completed"]);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 11: only the configured workspace, and ids instead of keys: a signed webhook of another workspace changes nothing", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const [delivery] = plane.deliveries.pending;
  const other = plane.addWorkspace({ slug: "other" });
  await app.enqueueWebhook(delivery?.body.replace(plane.workspace.id, other.id) ?? "");
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("todo");
});

test("rule 11: only the configured workspace, and ids instead of keys: a project whose identifier changes keeps its items", async () => {
  const { app, project, item } = await createObservedProject();
  const answer = await fetch(`${app.plane.url}/api/v1/workspaces/javisi/projects/${project.id}/`, {
    method: "PATCH",
    headers: { "x-api-key": app.apiKey, "content-type": "application/json" },
    body: JSON.stringify({ identifier: "NEW" }),
  });
  expect(answer.status).toBe(200);
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["NEW-1 completed", "NEW project_completed"]);
});
