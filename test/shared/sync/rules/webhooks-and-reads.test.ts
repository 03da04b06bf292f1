import { expect, test } from "vitest";
import { observedKeys, observedSets } from "../../../../shared/records/store-keys.ts";
import { readCycles } from "../../../../shared/sync/cycles.ts";
import { observeItem, readItem } from "../../../../shared/sync/observe-item.ts";
import type { ItemRecord } from "../../../../shared/task/snapshot.ts";
import { MINUTE } from "../../../../shared/time.ts";
import type { TestApp } from "../../../support/test-app.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

test("rule 1: a webhook that arrives after a newer one reopens nothing", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.editItem(item, { state: "In Progress" });
  plane.runWorker();
  const [late] = plane.deliveries.pending.map(({ body }) => body);
  plane.deliveries.dropAll();
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
  await app.enqueueWebhook(late ?? "");
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("done");
});

test("an item keeps Plane's time of the change that started it", async () => {
  const { app, plane, item } = await createObservedProject();
  for (const change of [{ state: "In Progress" }, { name: "Renamed" }]) {
    app.advance(MINUTE);
    plane.editItem(item, change);
    await app.deliverWebhooks();
  }
  const { startedAt = "", snapshot } = (await app.readItem(item)) ?? {};
  expect(Date.parse(snapshot?.updatedAt ?? "") - Date.parse(startedAt)).toBe(MINUTE);
});

test("rule 1: a read that a webhook overtook reopens nothing and is repeated", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const deps = delayPlaneAnswers(app.deps, async () => {
    plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
  });
  await readItem(deps, item.id, await readChangeSource(app, project));
  const requests = await app.recordRequests(() => app.runUntilIdle());
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
  expect(requests).toContain("GET work-items/:id");
});

test("rule 1: a read counts whatever its updated_at: renaming a label changes no item's updated_at", async () => {
  const { app, project, item } = await createObservedProject();
  const [stored] = await app.store.read<ItemRecord>([observedKeys.item(item.id)]);
  if (!stored) throw new Error("not kept");
  const now = await app.store.now();
  for (const [updatedAt, status] of [
    [stored.value.snapshot.updatedAt, "blocked"],
    ["2026-01-01T00:00:00.000000Z", "done"],
  ] as const) {
    const [{ rev: since = 0 } = {}] = await app.store.read([observedKeys.item(item.id)]);
    const snapshot = { ...stored.value.snapshot, status, updatedAt };
    const observation = { via: "read", snapshot, since, began: now, ended: now } as const;
    await observeItem(app.deps, item.id, observation, await readChangeSource(app, project));
  }
  await app.drain();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 completed", "ONB project_completed"]);
});

test("rule 1: a cycle created while the cycles were read is not forgotten and started again", async () => {
  const { app, plane, project } = await createObservedProject();
  const deps = delayPlaneAnswers(app.deps, async () => {
    plane.addCycle(project, { name: "Sprint", start_date: "2026-11-20", end_date: "2026-11-30" });
    await app.deliverWebhooks();
  });
  await readCycles(deps, (await readChangeSource(app, project)).project, "test");
  expect(await app.store.count(observedSets.cycles(project.id))).toBe(1);
  plane.addCycle(project, { name: "Next", start_date: "2026-12-20", end_date: "2026-12-30" });
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["Sprint cycle_started"]);
});

test("rule 2: a comment with a lost webhook is found despite a newer edit reported by webhook", async () => {
  const { app, plane, item } = await createObservedProject({ random: () => 0 });
  plane.addComment(item, "<p>Look here</p>");
  app.dropWebhooks();
  app.advance(1_000);
  plane.editItem(item, { name: "Manual" });
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
  await app.poll();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "Look here"']);
});

test("rule 2: a change with a lost webhook is found despite a later webhook of another item", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await app.deliverWebhooks();
  await app.poll();
  app.takeEvents();
  plane.editItem(item, { state: "Done" });
  app.dropWebhooks();
  app.advance(15 * MINUTE);
  plane.editItem(other, { name: "Another" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-2 renamed"]);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
});

const takeTaskEvents = (app: TestApp) => app.takeEvents().filter((event) => event.startsWith("ONB-"));

test("a task that was reopened and completed again between two polls is completed a second time, once", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.editItem(item, { state: "Done" });
  await app.poll();
  expect(takeTaskEvents(app)).toEqual(["ONB-1 completed"]);
  app.advance(MINUTE);
  plane.editItem(item, { state: "Todo" });
  app.advance(MINUTE);
  plane.editItem(item, { state: "Done" });
  app.dropWebhooks();
  const { acknowledge } = app.store;
  const handled = new Set<string>();
  // Each read is done twice, as when its process ends before the job is settled.
  app.store.acknowledge = async (job, how) =>
    job.queue !== "observe" || handled.has(job.id) ? acknowledge(job, how) : handled.add(job.id).has(job.id);
  for (let n = 0; n < 2; n += 1) {
    await app.pollUntilIdle();
  }
  expect(takeTaskEvents(app)).toEqual(["ONB-1 completed"]);
});

test("a done task that moves to another done state is not completed again, although Plane changes its completed_at", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.addState(project, { name: "Released", group: "completed" });
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(takeTaskEvents(app)).toEqual(["ONB-1 completed"]);
  const before = plane.item(item)?.completed_at;
  app.advance(MINUTE);
  plane.editItem(item, { state: "Released" });
  await app.deliverUntilIdle();
  expect(plane.item(item)?.completed_at).not.toBe(before);
  expect(takeTaskEvents(app)).toEqual([]);
});
