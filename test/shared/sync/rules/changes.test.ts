import { expect, test } from "vitest";
import { cyclesTick } from "../../../../functions/poll/poll-tick.ts";
import { inboxHandler } from "../../../../functions/webhooks/webhook-routes.ts";
import { observedSets } from "../../../../shared/records/store-keys.ts";
import { readRelations } from "../../../../shared/sync/blockers.ts";
import { diffCyclePhases, getCyclePhase } from "../../../../shared/sync/cycles.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { callPlane } from "../../../support/plane-api.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

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
  const [late = ""] = app.dropWebhooks();
  plane.deleteComment(unread);
  await app.poll();
  await app.enqueueWebhook(late);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 5: projects are read first: archiving a project removes no items, and restoring it creates none", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.archiveProject(project);
  expect(await app.recordRequests(() => app.poll())).toEqual(["GET projects"]);
  await app.runUntilIdle();
  plane.restoreProject(project);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test.each([1, 8])("rule 5: archiving a project twice after it was read removes no items (%i items)", async (count) => {
  const { app, plane, project } = await createObservedProject();
  for (let i = 1; i < count; i += 1) plane.addItem(project, { name: `Item ${i}` });
  await app.poll();
  // From now on a pass reads only what is new.
  app.advance(20 * MINUTE);
  await app.poll();
  app.takeEvents();
  for (let i = 0; i < 2; i += 1) {
    plane.faults.beforeRequest(({ path }) => {
      if (path.includes("work-items/?")) plane.archiveProject(project);
    });
    await app.poll();
    plane.faults.beforeRequest(undefined);
    expect(await app.deps.notices.readCurrent()).toEqual([]);
    await app.runUntilIdle();
    plane.restoreProject(project);
    await app.pollUntilIdle();
  }
  expect(app.takeEvents()).toEqual([]);
});

test("rule 10: every tick derives blockers from the stored state: an item whose blocker is done is unblocked at the next tick although the job was lost", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  plane.relate(item, blocker);
  await app.pollUntilIdle();
  app.takeEvents();
  app.dropWebhooks();
  plane.editItem(blocker, { state: "Done" });
  const [body = ""] = app.dropWebhooks();
  await app.enqueueWebhook(body);
  // The webhook is handled, and its follow-up jobs are lost.
  const [job = expect.fail("nothing in the inbox")] = await app.store.take("inbox", MINUTE, 1);
  await inboxHandler.handle(app.deps, job);
  await app.store.acknowledge(job, { done: true });
  for (const lost of await app.store.take("observe", MINUTE, 100)) await app.store.acknowledge(lost, { done: true });
  await app.drain();
  expect(app.takeEvents()).toEqual(["ONB-2 completed"]);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 11: only the configured workspace, and ids instead of keys: another workspace's webhook changes nothing, another identifier keeps the items", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.editItem(item, { state: "Done" });
  const [body = ""] = app.dropWebhooks();
  await app.enqueueWebhook(body.replace(plane.workspace.id, plane.addWorkspace({ slug: "other" }).id));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("todo");
  plane.editItem(item, { state: "Todo" });

  await callPlane(plane.url, app.apiKey, "PATCH", `projects/${project.id}/`, { identifier: "NEW" });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["NEW-1 completed", "NEW project_completed"]);
});

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
  const bodies = app.dropWebhooks();
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
  const observed = await createObservedProject();
  const { app, plane, project, item } = observed;
  const blocker = plane.addItem(project, { name: "First" });
  await app.pollUntilIdle();
  app.takeEvents();
  app.advance(1_000);
  plane.relate(item, blocker, { onto });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  return { ...observed, blocker };
}

test("rule 7: a relation belongs to both items: one that changes only the blocker blocks the other item, and a removed one is not restored by an older read of it", async () => {
  const { app, plane, project, item, blocker } = await createBlockedItem("blocker");
  const stored = (await app.readItem(item)) ?? expect.fail("not kept");
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

const START = "2026-11-22T00:00:00.000000Z";
const END = "2026-11-28T23:59:00.000000Z";

test("a cycle is current from its first moment to the one before its last, starts once and is completed once", () => {
  const dates = ["2026-11-21T23:59:59.999999Z", START, "2026-11-28T23:58:59.999999Z", END];
  const phases = dates.map((date) => getCyclePhase({ start: START, end: END }, date));
  expect(phases).toEqual(["upcoming", "current", "current", "completed"]);
  expect(diffCyclePhases("upcoming", "current")).toEqual([{ kind: "cycle_started" }]);
  expect(diffCyclePhases(undefined, "current")).toEqual([{ kind: "cycle_started" }]);
  expect(diffCyclePhases("current", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(diffCyclePhases("upcoming", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(diffCyclePhases("current", "current")).toEqual([]);
  expect(diffCyclePhases(undefined, "completed")).toEqual([]);
});

test("a slow poll that began before a cycle's start does not repeat the start event of another read", async () => {
  const { app, plane, project } = await createObservedProject();
  plane.editProject(project, { name: project.name, cycle_view: true });
  await app.pollCycles();
  plane.addCycle(project, { name: "Sprint", start_date: "2026-11-21T09:00:00Z", end_date: "2026-11-30" });
  await app.pollCycles();
  app.advance(Date.parse("2026-11-21T08:59:58Z") - app.time.now);
  plane.faults.beforeRequest(async ({ path }) => {
    if (!path.includes("work-items/?")) return;
    plane.faults.beforeRequest(undefined);
    app.advance(5_000);
    await cyclesTick.run(app.deps);
  });
  await app.poll();
  app.advance(5 * MINUTE);
  await app.poll();
  expect(app.takeEvents()).toEqual(["Sprint cycle_started"]);
  // It ends with the first poll after its last moment, before its list is read again.
  app.advance(Date.parse("2026-12-01T00:00:01Z") - app.time.now);
  await app.poll();
  expect(app.takeEvents()).toEqual(["Sprint cycle_completed"]);
});
