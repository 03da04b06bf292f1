import { expect, test } from "vitest";
import { inboxHandler } from "../../../../functions/webhooks/inbox-handler.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

test("rule 10: every tick derives blockers and tasks from the stored state: a lost job is repaired: an item whose blocker is done is unblocked at the next tick", async () => {
  const { crew, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  plane.relate(item, blocker);
  await crew.poll();
  await crew.runUntilIdle();
  crew.takeEvents();
  crew.dropWebhooks();
  plane.editItem(blocker, { state: "Done" });
  plane.runWorker();
  const [delivery] = plane.deliveries.pending;
  await crew.enqueueWebhook(delivery?.body ?? "");
  // The webhook is worked, and what it calls for is lost.
  const [job] = await crew.store.take("inbox", MINUTE, 1);
  if (!job) throw new Error("nothing in the inbox");
  await inboxHandler.handle(crew.deps, job);
  await crew.store.settle(job, { done: true });
  for (const lost of await crew.store.take("observe", MINUTE, 100)) await crew.store.settle(lost, { done: true });
  crew.dropWebhooks();
  await crew.drain();
  expect(crew.takeEvents()).toEqual(["ONB-2 completed"]);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 10: every tick derives blockers and tasks from the stored state: after the loss of the store the agents' tasks are known again, without notifications", async () => {
  const { crew, plane, item, thot } = await createObservedProject({
    agents: [{ name: "thot", email: "thot@javisi.local.test" }],
  });
  plane.editItem(item, { assignees: [thot] });
  await crew.poll();
  crew.takeEvents();
  await crew.restart({ store: "lost" });
  const counts = await crew.poll();
  expect(counts).toMatchObject({ assigned: 1, new: 1 });
  expect(await crew.poll()).toMatchObject({ assigned: 1, new: 0 });
  expect(crew.takeEvents()).toEqual([]);
});

test("rule 11: only the configured workspace, and ids instead of keys: a signed webhook of another workspace changes nothing", async () => {
  const { crew, plane, item } = await createObservedProject();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const [delivery] = plane.deliveries.pending;
  const other = plane.addWorkspace({ slug: "other" });
  await crew.enqueueWebhook(delivery?.body.replace(plane.workspace.id, other.id) ?? "");
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  expect((await crew.readItem(item))?.snapshot.word).toBe("todo");
});

test("rule 11: only the configured workspace, and ids instead of keys: a project whose identifier changes keeps its items", async () => {
  const { crew, project, item } = await createObservedProject();
  const answer = await fetch(`${crew.plane.url}/api/v1/workspaces/javisi/projects/${project.id}/`, {
    method: "PATCH",
    headers: { "x-api-key": crew.apiKey, "content-type": "application/json" },
    body: JSON.stringify({ identifier: "NEW" }),
  });
  expect(answer.status).toBe(200);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  crew.plane.editItem(item, { state: "Done" });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["NEW-1 completed", "NEW project_completed"]);
});
