import { expect, test } from "vitest";
import { type DecisionRecord, decisionSet, itemDecisionSetKey } from "../../../shared/decision-log/decision-log.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createLogSetup() {
  const crew = await createTestApp({ needsActor: true });
  const thot = crew.addPerson("thot");
  const project = crew.addProject();
  const old = crew.plane.addItem(project, { name: "An old task" });
  await crew.runFirstPoll();
  const readLog = async (set = decisionSet) =>
    (await crew.store.scan<DecisionRecord>(set)).rows.map((row) => row.value);
  return { crew, project, thot, old, readLog };
}

test("the decision log has one record per event with its source, its actor and the decisions of every rule set", async () => {
  const { crew, project, thot, readLog } = await createLogSetup();
  const item = crew.plane.addItem(project, { name: "Write <b>it</b>", assignees: [thot] });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  const lines = await readLog();
  expect(lines.map((line) => line.event.kind).sort()).toEqual(["assigned", "created"]);
  // The webhook contains who created the task, but not who assigned it.
  expect(lines.find((line) => line.event.kind === "created")?.actor).toEqual({ name: "ada", isAgent: false });
  for (const line of lines) {
    expect(line).toMatchObject({
      via: "webhook",
      item: { id: item.id, key: "ONB-2", title: "Write <b>it</b>" },
      project: { identifier: "ONB" },
      held: [],
    });
    const jobs = crew.actions.map(({ job }) => job);
    expect(line.asked).toEqual([
      { rule: expect.stringMatching(line.event.kind), target: "ledger", queue: "outbox", job: expect.any(String) },
    ]);
    expect(jobs).toContain(line.asked[0]?.job);
  }
});

test("the decision log returns the newest record first, and the records of one task separately", async () => {
  const { crew, old, project, readLog } = await createLogSetup();
  crew.plane.editItem(old, { state: "In Progress" });
  await crew.deliverWebhooks();
  crew.advance(5_000);
  crew.plane.addItem(project, { name: "Another" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect((await readLog()).map((line) => line.event.kind)).toEqual(["created", "started"]);
  expect((await readLog(itemDecisionSetKey(old.id))).map((line) => line.event.kind)).toEqual(["started"]);
});

test("existing items leave no decision record, and a change that is observed twice leaves one", async () => {
  const { crew, old, readLog } = await createLogSetup();
  expect(await readLog()).toEqual([]);
  crew.plane.editItem(old, { state: "Done" });
  const bodies = await crew.deliverWebhooks();
  for (const body of bodies) await crew.enqueueWebhook(body.replace("{", "{ "));
  await crew.poll();
  await crew.runUntilIdle();
  expect((await readLog()).map((line) => [line.event.kind, line.via])).toContainEqual(["completed", "webhook"]);
  expect((await readLog()).filter((line) => line.event.kind === "completed")).toHaveLength(1);
});

test("a decision record is stored with its change or not at all", async () => {
  const { crew, old, readLog } = await createLogSetup();
  crew.plane.editItem(old, { state: "Done" });
  const { commit } = crew.store;
  crew.store.commit = async (change) => {
    const puts = (change.put ?? []).map(({ key }) => key);
    if (puts.includes(`item:${old.id}`)) {
      expect(puts.filter((key) => key.startsWith("why:")).length).toBeGreaterThan(0);
      throw new Error("the disk is full");
    }
    return commit(change);
  };
  await crew.deliverWebhooks();
  expect(await readLog()).toEqual([]);
  expect((await crew.readItem(old))?.snapshot.word).toBe("todo");
  crew.store.commit = commit;
  await crew.runUntilIdle();
  expect((await readLog()).map((line) => line.event.kind)).toContain("completed");
});

test("events of comments, projects and cycles leave decision records", async () => {
  const { crew, old, readLog, project } = await createLogSetup();
  crew.plane.addComment(old, "<p>Is this still needed?</p>");
  crew.plane.addCycle(project, { name: "Week 1", start_date: "2026-11-20", end_date: "2026-11-27" });
  crew.addProject("Website", "WEB");
  await crew.deliverWebhooks();
  await crew.poll();
  await crew.pollCycles();
  await crew.runUntilIdle();
  const kinds = (await readLog()).map((line) => line.event.kind);
  expect(kinds).toEqual(expect.arrayContaining(["comment_added", "project_created", "cycle_started"]));
});

test("a decision record expires after seven days", async () => {
  const { crew, old, readLog } = await createLogSetup();
  crew.plane.editItem(old, { state: "Done" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(await readLog()).not.toEqual([]);
  crew.time.now += 7 * 86_400_000;
  expect(await readLog()).toEqual([]);
});
