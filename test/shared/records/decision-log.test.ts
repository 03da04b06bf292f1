import { expect, test } from "vitest";
import { type DecisionRecord, decisionSet, itemDecisionSetKey } from "../../../shared/records/decision-log.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createLogSetup() {
  const app = await createTestApp({ needsActor: true });
  const thot = app.addPerson("thot");
  const project = app.addProject();
  const old = app.plane.addItem(project, { name: "An old task" });
  await app.runFirstPoll();
  const readLog = async (set = decisionSet) => (await app.store.scan<DecisionRecord>(set)).rows.map((row) => row.value);
  return { app, project, thot, old, readLog };
}

test("the decision log has one record per event with its source, its actor and the decisions of every rule set", async () => {
  const { app, project, thot, readLog } = await createLogSetup();
  const item = app.plane.addItem(project, { name: "Write <b>it</b>", assignees: [thot] });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  const lines = await readLog();
  expect(lines.map((line) => line.event.kind).sort()).toEqual(["assigned", "created"]);
  // The webhook contains who created the task, but not who assigned it.
  expect(lines.find((line) => line.event.kind === "created")?.actor).toEqual({ name: "ada", isAgent: false });
  for (const line of lines) {
    expect(line).toMatchObject({
      via: "webhook",
      item: { id: item.id, key: "ONB-2", title: "Write <b>it</b>" },
      project: { identifier: "ONB" },
      skipped: [],
    });
    const jobs = app.actions.map(({ job }) => job);
    expect(line.actions).toEqual([
      { rule: expect.stringMatching(line.event.kind), target: "ledger", queue: "outbox", job: expect.any(String) },
    ]);
    expect(jobs).toContain(line.actions[0]?.job);
  }
});

test("the decision log returns the newest record first, and the records of one task separately", async () => {
  const { app, old, project, readLog } = await createLogSetup();
  app.plane.editItem(old, { state: "In Progress" });
  await app.deliverWebhooks();
  app.advance(5_000);
  app.plane.addItem(project, { name: "Another" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await readLog()).map((line) => line.event.kind)).toEqual(["created", "started"]);
  expect((await readLog(itemDecisionSetKey(old.id))).map((line) => line.event.kind)).toEqual(["started"]);
});

test("existing items leave no decision record, and a change that is observed twice leaves one", async () => {
  const { app, old, readLog } = await createLogSetup();
  expect(await readLog()).toEqual([]);
  app.plane.editItem(old, { state: "Done" });
  const bodies = await app.deliverWebhooks();
  for (const body of bodies) await app.enqueueWebhook(body.replace("{", "{ "));
  await app.poll();
  await app.runUntilIdle();
  expect((await readLog()).map((line) => [line.event.kind, line.via])).toContainEqual(["completed", "webhook"]);
  expect((await readLog()).filter((line) => line.event.kind === "completed")).toHaveLength(1);
});

test("events of comments, projects and cycles leave decision records", async () => {
  const { app, old, readLog, project } = await createLogSetup();
  app.plane.addComment(old, "<p>Is this still needed?</p>");
  app.plane.addCycle(project, { name: "Week 1", start_date: "2026-11-20", end_date: "2026-11-27" });
  app.addProject("Website", "WEB");
  await app.deliverWebhooks();
  await app.poll();
  await app.pollCycles();
  await app.runUntilIdle();
  const kinds = (await readLog()).map((line) => line.event.kind);
  expect(kinds).toEqual(expect.arrayContaining(["comment_added", "project_created", "cycle_started"]));
});
