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
  const readKinds = async (set?: string) => (await readLog(set)).map((line) => line.event.kind);
  return { app, project, thot, old, readLog, readKinds };
}

test("the decision log has one record per event with its source, its actor and the decisions of every rule set", async () => {
  const { app, project, thot, readLog } = await createLogSetup();
  const title = "Write <b>it</b>";
  const { id } = app.plane.addItem(project, { name: title, assignees: [thot] });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  const lines = await readLog();
  expect(lines.map((line) => line.event.kind).sort()).toEqual(["assigned", "created"]);
  // The webhook contains who created the task, but not who assigned it.
  expect(lines.find((line) => line.event.kind === "created")?.actor).toEqual({ name: "ada", isAgent: false });
  const jobs = app.actions.map(({ job }) => job);
  for (const line of lines) {
    const place = { item: { id, key: "ONB-2", title }, project: { identifier: "ONB" } };
    expect(line).toMatchObject({ via: "webhook", ...place, skipped: [] });
    const rule = expect.stringMatching(line.event.kind);
    expect(line.actions).toEqual([{ rule, target: "ledger", queue: "outbox", job: expect.any(String) }]);
    expect(jobs).toContain(line.actions[0]?.job);
  }
});

test("the decision log has nothing of existing items, one record of a change that is observed twice, the newest first, and those of one task separately", async () => {
  const { app, old, project, readLog, readKinds } = await createLogSetup();
  expect(await readLog()).toEqual([]);
  app.plane.editItem(old, { state: "In Progress" });
  for (const body of await app.deliverWebhooks()) await app.enqueueWebhook(body.replace("{", "{ "));
  await app.poll();
  app.advance(5_000);
  app.plane.addItem(project, { name: "Another" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await readKinds()).toEqual(["created", "started"]);
  expect(await readKinds(itemDecisionSetKey(old.id))).toEqual(["started"]);
  app.plane.addComment(old, "<p>Is this still needed?</p>");
  app.plane.addCycle(project, { name: "Week 1", start_date: "2026-11-20", end_date: "2026-11-27" });
  app.addProject("Website", "WEB");
  await app.deliverWebhooks();
  await app.poll();
  await app.pollCycles();
  await app.runUntilIdle();
  expect(await readKinds()).toEqual(expect.arrayContaining(["comment_added", "project_created", "cycle_started"]));
});
