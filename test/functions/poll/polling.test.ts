import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

test("reliability 3: when all webhooks are lost, the next tick finds every net change and deletion, up to 100 items", async () => {
  const app = await createTestApp();
  const { plane } = app;
  const thot = app.addPerson("Thot");
  const projects = [app.addProject(), app.addProject("Second", "SEC")];
  const items = projects.flatMap((project) =>
    Array.from({ length: 60 }, (_, n) => plane.addItem(project, { name: `Item ${n}`, assignees: [thot] })),
  );
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.advance(30 * MINUTE);

  const wanted: string[] = [];
  const keyOf = (at: number) => (at < 60 ? `ONB-${at + 1}` : `SEC-${at - 59}`);
  for (const [at, item] of items.entries()) {
    if (at % 6 === 5) continue;
    const key = keyOf(at);
    const edits = [
      () => {
        plane.editItem(item, { state: "In Progress" });
        plane.editItem(item, { state: "Done" });
        wanted.push(`${key} completed`);
      },
      () => {
        plane.editItem(item, { assignees: [] });
        wanted.push(`${key} unassigned thot`);
      },
      () => {
        plane.editItem(item, { assignees: [app.human, thot] });
        plane.editItem(item, { assignees: [app.human] });
        wanted.push(`${key} assigned ada`, `${key} unassigned thot`);
      },
      () => {
        plane.deleteItem(item);
        wanted.push(`${key} removed`);
      },
      () => {
        plane.addComment(item, "<p>Words</p>");
        // Came and went between two ticks: accepted and said.
        plane.editItem(item, { name: "Other" });
        plane.editItem(item, { name: item.name });
        wanted.push(`${key} comment_added "Words"`);
      },
    ];
    edits[at % 6]?.();
    app.advance(1_000);
  }
  for (const [i, project] of projects.entries()) {
    plane.addItem(project, { name: "Made meanwhile", assignees: [thot] });
    wanted.push(`${i ? "SEC" : "ONB"}-61 created`, `${i ? "SEC" : "ONB"}-61 assigned thot`);
  }
  app.dropWebhooks();
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(wanted.sort());
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("a tick that fails because of Plane leaves all changes for the next one", async () => {
  const app = await createTestApp();
  const { plane } = app;
  const project = app.addProject();
  const items = Array.from({ length: 20 }, (_, n) => plane.addItem(project, { name: `Item ${n}`, state: "Todo" }));
  app.advance(MINUTE);
  await app.runFirstPoll();
  for (const item of items) plane.editItem(item, { state: "Done", assignees: [app.human] });
  plane.deleteItem(items[0] ?? "");
  app.dropWebhooks();
  for (const fault of [{ kind: "status", status: 500 }, { kind: "truncated" }, { kind: "html" }] as const) {
    const undo = plane.faults.add({ path: "work-items" }, fault);
    await expect(app.poll()).rejects.toThrow("Plane");
    undo();
  }
  await app.poll();
  await app.runUntilIdle();
  const events = app.takeEvents();
  expect(events.filter((event) => event.endsWith("completed") && event !== "ONB project_completed")).toHaveLength(19);
  expect(events.filter((event) => event.endsWith("assigned ada"))).toHaveLength(19);
  expect(events.filter((event) => event.endsWith("removed"))).toEqual(["ONB-1 removed"]);
  expect(new Set(app.actions.map(({ job }) => job)).size).toBe(app.actions.length);
});
