import { expect, test } from "vitest";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 6: the actor of a change is not the actor of another assignment", async () => {
  const { app, plane, item, thot } = await createObservedProject({ needsActor: true });
  plane.editItem(item, { assignees: [app.human, thot] }, { by: app.human });
  plane.editItem(item, { assignees: [thot] }, { by: thot });
  app.dropWebhooks();
  await app.poll();
  const actors = app.actions.map(({ event, facts }) => [event.kind, facts.actor?.name]);
  expect(actors).toEqual([
    ["assigned", "ada"],
    ["unassigned", "thot"],
  ]);
});

test("rule 6: the actor of a change is unknown for a deleted item and for an item blocked by another", async () => {
  const { app, plane, project, item, thot } = await createObservedProject({ needsActor: true });
  const blocker = plane.addItem(project, { name: "First" }, { by: thot });
  await app.poll();
  plane.editItem(item, { state: "In Progress" }, { by: thot });
  plane.relate(item, blocker);
  await app.poll();
  plane.deleteItem(blocker);
  const notFound = {
    kind: "status",
    status: 404,
    body: '{"error":"The requested resource does not exist."}',
  } as const;
  plane.faults.add({ path: `${blocker.id}/activities/` }, notFound);
  await app.poll();
  const actors = app.actions.map(({ event, facts }) => [facts.item?.key, event.kind, facts.actor?.name]);
  expect(actors).toEqual([
    ["ONB-2", "created", "thot"],
    ["ONB-1", "started", "thot"],
    ["ONB-1", "blocked", undefined],
    ["ONB-2", "removed", undefined],
    ["ONB-1", "unblocked", undefined],
  ]);
});
