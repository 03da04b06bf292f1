import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

test("3: when all webhooks are lost, the next tick finds every net change and deletion, up to 100 items", async () => {
  const crew = await createTestApp();
  const { plane } = crew;
  const thot = crew.addPerson("Thot");
  const projects = [crew.addProject(), crew.addProject("Second", "SEC")];
  const items = projects.flatMap((project) =>
    Array.from({ length: 60 }, (_, n) => plane.addItem(project, { name: `Item ${n}`, assignees: [thot] })),
  );
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  crew.advance(30 * MINUTE);

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
        plane.editItem(item, { assignees: [crew.human, thot] });
        plane.editItem(item, { assignees: [crew.human] });
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
    crew.advance(1_000);
  }
  for (const [i, project] of projects.entries()) {
    plane.addItem(project, { name: "Made meanwhile", assignees: [thot] });
    wanted.push(`${i ? "SEC" : "ONB"}-61 created`, `${i ? "SEC" : "ONB"}-61 assigned thot`);
  }
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents().sort()).toEqual(wanted.sort());
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("a tick that fails because of Plane leaves all changes for the next one", async () => {
  const crew = await createTestApp();
  const { plane } = crew;
  const project = crew.addProject();
  const items = Array.from({ length: 20 }, (_, n) => plane.addItem(project, { name: `Item ${n}`, state: "Todo" }));
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  for (const item of items) plane.editItem(item, { state: "Done", assignees: [crew.human] });
  plane.deleteItem(items[0] ?? "");
  crew.dropWebhooks();
  for (const fault of [{ kind: "status", status: 500 }, { kind: "truncated" }, { kind: "html" }] as const) {
    const undo = plane.faults.add({ path: "work-items" }, fault);
    await expect(crew.poll()).rejects.toThrow("Plane");
    undo();
  }
  await crew.poll();
  await crew.runUntilIdle();
  const events = crew.takeEvents();
  expect(events.filter((event) => event.endsWith("completed") && event !== "ONB project_completed")).toHaveLength(19);
  expect(events.filter((event) => event.endsWith("assigned ada"))).toHaveLength(19);
  expect(events.filter((event) => event.endsWith("removed"))).toEqual(["ONB-1 removed"]);
  expect(new Set(crew.actions.map(({ job }) => job)).size).toBe(crew.actions.length);
});
