import { expect, test } from "vitest";
import { pollTick } from "../../../../functions/poll/poll-tick.ts";
import { observedKeys, observedSets } from "../../../../shared/records/store-keys.ts";
import { readCycles } from "../../../../shared/sync/cycles.ts";
import { observeItem, readItem } from "../../../../shared/sync/observe-item.ts";
import type { ItemRecord } from "../../../../shared/task/snapshot.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createTestApp, type TestApp, type TestAppOptions } from "../../../support/test-app.ts";
import { createObservedProject, delayPlaneAnswers, readChangeSource } from "./observed-project.ts";

/** Requests pages of this size, so that few items need several. */
const fetchPagesOf =
  (rows: number, usual = rows === 2 ? 1000 : 100): typeof fetch =>
  (input, init) =>
    fetch(String(input).replace(`per_page=${usual}`, `per_page=${rows}`), init);

test("rule 9: webhooks are held until a project's first complete read", async () => {
  const { app, plane } = await createObservedProject();
  const hidden = app.addProject("Second", "SEC");
  const old = plane.addItem(hidden, { name: "Old" });
  plane.archiveProject(hidden);
  await app.restart({ store: "lost" });
  await app.runFirstPoll(MINUTE);
  plane.restoreProject(hidden);
  // The poll sees that the project is back and does not get to read it.
  const undo = plane.faults.add({ path: `${hidden.id}/work-items` }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  plane.editItem(old, { name: "Renamed" });
  await app.deliverWebhooks();
  undo();
  await app.runUntilIdle();
  await app.poll();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(old, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["SEC-1 completed", "SEC project_completed"]);
});

/** A project with one open item, whose baseline begins and is broken off before its items are read. */
async function createBrokenOffBaseline(options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const { plane } = app;
  const project = app.addProject();
  const item = plane.addItem(project, { name: "Guide" });
  app.dropWebhooks();
  app.advance(MINUTE);
  const undo = plane.faults.add({ path: "work-items" }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  undo();
  app.advance(2_000);
  return { app, plane, project, item };
}

test("rule 9: a change made after the baseline began is reported, also when its webhook arrives before the baseline ends", async () => {
  const { app, plane, item } = await createBrokenOffBaseline();
  // Its name is the same in the end.
  for (const name of ["Handbook", "Guide"]) {
    plane.editItem(item, { name });
    app.advance(1_000);
  }
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual([]);
  await app.pollUntilIdle();
  expect(app.takeEvents().sort()).toEqual(["ONB project_completed", "ONB-1 completed"]);
  app.advance(5 * MINUTE);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 9: a change made before the baseline began causes no events, also when Plane's worker records it later", async () => {
  const app = await createTestApp({ worker: "by hand" });
  const { plane } = app;
  const item = plane.addItem(app.addProject(), { name: "Guide" });
  app.dropWebhooks();
  app.advance(MINUTE);
  plane.editItem(item, { state: "Done" });
  app.advance(1_000);
  plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("work-items")) return;
    plane.faults.beforeRequest(undefined);
    app.advance(5_000);
    plane.runWorker();
  });
  await pollTick.run(app.deps);
  await app.deliverUntilIdle();
  expect((await app.readItem(item))?.initial).toBeDefined();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 9: an activity that Plane records after the first read is reported when the next observation shows it", async () => {
  const { app, plane, item } = await createBrokenOffBaseline();
  const { runWorker } = plane;
  plane.runWorker = () => 0;
  plane.editItem(item, { name: "Handbook" });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  plane.runWorker = runWorker;
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("rule 9: what the first pages of a baseline show is reported when the baseline has ended", async () => {
  const { app, plane, project, item } = await createBrokenOffBaseline({ fetch: fetchPagesOf(2) });
  for (const name of ["Map", "Tour"]) plane.addItem(project, { name });
  plane.editItem(item, { state: "In Progress" });
  app.dropWebhooks();
  const undo = plane.faults.add({ path: "cursor=" }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  undo();
  app.advance(MINUTE);
  await app.drain();
  expect(app.takeEvents()).not.toContain("ONB-1 started");
  await app.pollUntilIdle();
  expect(app.takeEvents()).toContain("ONB-1 started");
});

test("rule 9: an item that was edited between two pages of the baseline belongs to the baseline", async () => {
  const app = await createTestApp({ fetch: fetchPagesOf(2) });
  const { plane } = app;
  const project = app.addProject();
  const items = Array.from({ length: 3 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  app.dropWebhooks();
  app.advance(MINUTE);
  plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("cursor=2")) return;
    app.advance(2_000);
    plane.editItem(items[0] ?? "", { state: "In Progress" });
    // The list of all ids follows, because the edited item was on no page; its webhook is handled before that.
    plane.faults.beforeRequest(async () => {
      plane.faults.beforeRequest(undefined);
      await app.deliverWebhooks();
    });
  });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 started"]);
});

test("rule 3: a pass reads ten minutes past the cursor: a change that Plane lists later than its time is found", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const other = plane.addItem(project, { name: "Other" });
  await app.poll();
  app.takeEvents();
  plane.editItem(item, { state: "Done" });
  app.dropWebhooks();
  app.advance(5 * MINUTE);
  plane.editItem(other, { name: "Another" });
  app.dropWebhooks();
  // Its transaction is not over yet: the first pass does not see the row.
  const originalPlane = app.deps.plane;
  const pages: typeof originalPlane.pages = (...request) => dropRow(item.id, originalPlane.pages(...request));
  app.deps.plane = { ...originalPlane, pages };
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 renamed"]);
  app.deps.plane = originalPlane;
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
});

/** Observed items, of which ten were done 15 minutes after the others, and a pass needs more than one page of changes. */
async function createManyChanges() {
  const { app, plane, project } = await createObservedProject({ fetch: fetchPagesOf(10) });
  const items = Array.from({ length: 20 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await app.poll();
  for (let i = 0; i < 3; i += 1) {
    app.advance(20 * MINUTE);
    await app.poll();
  }
  app.takeEvents();
  for (const one of items.slice(0, 10)) plane.editItem(one, { state: "Done" });
  app.advance(15 * MINUTE);
  for (const one of items.slice(10)) plane.editItem(one, { state: "Done" });
  app.dropWebhooks();
  const countCompleted = () => app.takeEvents().filter((event) => event.endsWith("completed")).length;
  return { app, plane, items, countCompleted };
}

test("rule 3: the cursor moves after a complete pass only: changes that a pass did not reach are found by the next one", async () => {
  const { app, plane, countCompleted } = await createManyChanges();
  const undo = plane.faults.add({ path: /work-items\/\?.*cursor=/ }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await app.pollUntilIdle();
  expect(countCompleted()).toBe(20);
});

test("rule 3: a row that moved from one page to the previous one is found", async () => {
  const { app, plane, items, countCompleted } = await createManyChanges();
  plane.faults.beforeRequest(({ path }) => {
    // An item of the first page is deleted while the second page is requested, so the 11th item becomes the 10th.
    if (!/work-items\/\?.*cursor=/.test(path)) return;
    plane.faults.beforeRequest(undefined);
    plane.deleteItem(items[18] ?? "");
  });
  await app.poll();
  plane.faults.beforeRequest(undefined);
  app.advance(5 * MINUTE);
  await app.pollUntilIdle();
  expect(countCompleted()).toBe(20);
});

test("rule 3: a project in which nothing changes is read back to its newest item only", async () => {
  const { app, plane, project } = await createObservedProject({ fetch: fetchPagesOf(10) });
  for (let i = 0; i < 20; i += 1) {
    app.advance(1_000);
    plane.addItem(project, { name: `Item ${i}` });
  }
  for (let i = 0; i < 3; i += 1) {
    await app.poll();
    app.advance(20 * MINUTE);
  }
  const requests = await app.recordRequests(() => app.poll());
  expect(requests.filter((request) => request === "GET work-items")).toHaveLength(1);
});

test("rule 3: a deletion and a creation between two ticks both cause events, although the count is the same", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.deleteItem(item);
  plane.addItem(project, { name: "Next" });
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ONB-1 removed", "ONB-2 created"]);
});

test("rule 4: what is deleted and created while all ids are compared is removed by the same pass, or stays", async () => {
  const duringList: (() => unknown)[] = [];
  const { app, plane, project, item } = await createObservedProject({
    fetch: async (input, init) => {
      const answer = await fetch(String(input).replace("per_page=1000", "per_page=2"), init);
      if (String(input).includes("order_by=created_at")) await duringList.shift()?.();
      return answer;
    },
  });
  const [first] = Array.from({ length: 3 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  await app.poll();
  app.takeEvents();
  plane.deleteItem(item);
  app.dropWebhooks();
  duringList.push(
    // A row moves to the page that has been read, so the list is read again.
    () => plane.deleteItem(first ?? ""),
    () => app.dropWebhooks(),
    async () => {
      plane.addItem(project, { name: "New" });
      await app.deliverWebhooks();
    },
  );
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ONB-1 removed", "ONB-2 removed", "ONB-5 created"]);
});

/** A list without one row. */
async function* dropRow<T extends { data: { results: unknown[] } }>(id: string, pages: AsyncIterable<T>) {
  for await (const page of pages) {
    const results = page.data.results.filter((row) => !JSON.stringify(row).includes(id));
    yield { ...page, data: { ...page.data, results } };
  }
}

test("rule 1: a webhook that arrives after a newer one reopens nothing", async () => {
  const { app, plane, item } = await createObservedProject();
  plane.editItem(item, { state: "In Progress" });
  const [late = ""] = app.dropWebhooks();
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
  await app.enqueueWebhook(late);
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
  const now = await app.store.now();
  for (const change of [{ status: "blocked" }, { status: "done", updatedAt: "2026-01-01T00:00:00.000000Z" }] as const) {
    const [stored = expect.fail("not kept")] = await app.store.read<ItemRecord>([observedKeys.item(item.id)]);
    const { rev: since } = stored;
    const snapshot = { ...stored.value.snapshot, ...change };
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
  for (let n = 0; n < 2; n += 1) await app.pollUntilIdle();
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
