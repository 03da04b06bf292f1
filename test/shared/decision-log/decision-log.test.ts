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

test("each event leaves one line: what was seen, by whom, and what every consumer made of it", async () => {
  const { crew, project, thot, readLog: told } = await createLogSetup();
  const item = crew.plane.addItem(project, { name: "Write <b>it</b>", assignees: [thot] });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  const lines = await told();
  expect(lines.map((line) => line.event.kind).sort()).toEqual(["assigned", "created"]);
  // The webhook says who created it; whose assigning it was, it does not say.
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

test("the newest comes first, and a task has a trail of its own", async () => {
  const { crew, old, project, readLog: told } = await createLogSetup();
  crew.plane.editItem(old, { state: "In Progress" });
  await crew.deliverWebhooks();
  crew.advance(5_000);
  crew.plane.addItem(project, { name: "Another" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect((await told()).map((line) => line.event.kind)).toEqual(["created", "started"]);
  expect((await told(itemDecisionSetKey(old.id))).map((line) => line.event.kind)).toEqual(["started"]);
});

test("what was there before leaves no line, and a change that is seen twice leaves one", async () => {
  const { crew, old, readLog: told } = await createLogSetup();
  expect(await told()).toEqual([]);
  crew.plane.editItem(old, { state: "Done" });
  const bodies = await crew.deliverWebhooks();
  for (const body of bodies) await crew.enqueueWebhook(body.replace("{", "{ "));
  await crew.poll();
  await crew.runUntilIdle();
  expect((await told()).map((line) => [line.event.kind, line.via])).toContainEqual(["completed", "webhook"]);
  expect((await told()).filter((line) => line.event.kind === "completed")).toHaveLength(1);
});

test("a line is kept with the change itself or not at all", async () => {
  const { crew, old, readLog: told } = await createLogSetup();
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
  expect(await told()).toEqual([]);
  expect((await crew.readItem(old))?.snapshot.word).toBe("todo");
  crew.store.commit = commit;
  await crew.runUntilIdle();
  expect((await told()).map((line) => line.event.kind)).toContain("completed");
});

test("comments, projects and cycles leave lines too", async () => {
  const { crew, old, readLog: told, project } = await createLogSetup();
  crew.plane.addComment(old, "<p>Is this still needed?</p>");
  crew.plane.addCycle(project, { name: "Week 1", start_date: "2026-11-20", end_date: "2026-11-27" });
  crew.addProject("Website", "WEB");
  await crew.deliverWebhooks();
  await crew.poll();
  await crew.pollCycles();
  await crew.runUntilIdle();
  const kinds = (await told()).map((line) => line.event.kind);
  expect(kinds).toEqual(expect.arrayContaining(["comment_added", "project_created", "cycle_started"]));
});

test("it is forgotten after seven days", async () => {
  const { crew, old, readLog: told } = await createLogSetup();
  crew.plane.editItem(old, { state: "Done" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(await told()).not.toEqual([]);
  crew.time.now += 7 * 86_400_000;
  expect(await told()).toEqual([]);
});
