import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { parseBlockedByText, removeBlockedByLines } from "../../../shared/sync/dependency-edges.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestApp } from "../../support/test-app.ts";

test.each([
  ["<p>Blocked by: ONB-3</p>", ["ONB-3"]],
  ["<p>Write it.</p><p>blocked by : onb-3, ONB-4; WEB-12 and X1-7</p>", ["ONB-3", "ONB-4", "WEB-12", "X1-7"]],
  ["<p>Write it.<br><strong>Blocked by:</strong>\n ONB-3</p><ul><li>Blocked by: ONB-5</li></ul>", ["ONB-3", "ONB-5"]],
  ['<p>Blocked by:&nbsp;<a href="https://example.com/ONB-9">ONB-3</a> (the guide), ONB-4</p>', ["ONB-3"]],
  ["<p>Blocked by: öko-1 and A_B-2</p>", ["ÖKO-1", "A_B-2"]],
  [
    "<p>Bloquée par\u00a0: ONB-3, ONB-4 et WEB-12</p><p>bloqué par:&nbsp;ONB-5</p>",
    ["ONB-3", "ONB-4", "WEB-12", "ONB-5"],
  ],
  ["<p>Bloque\u0301e par : ONB-3</p>", ["ONB-3"]],
  ["<p>Elle était bloquée par : ONB-3</p>", []],
  ["<p>It was blocked by: ONB-3</p>", []],
  ["<p>Blocked by ONB-3 for years</p>", []],
  ["<p>Blocked by: nothing, see ONB-3</p>", []],
  ["<p>Blocked by: ONB-0, ONB-03</p>", []],
  ["<script>Blocked by: ONB-3</script>", []],
  [`<p>Blocked by: ${"A".repeat(100_000)}</p>`, []],
])("the blockers that a description names are parsed: %.60s", (html, keys) => {
  expect(parseBlockedByText(html)).toEqual(keys);
});

test("lines in both languages are removed from a description, and other text stays", () => {
  const html =
    "<p>With care.</p><p>Blocked by: ONB-1</p><ul><li>Bloquée par&nbsp;: ONB-2</li></ul><p>Bloquée par la pluie</p>";
  expect(removeBlockedByLines(html)).toBe("<p>With care.</p><ul></ul><p>Bloquée par la pluie</p>");
});

test("on Plane 1.2.2 the line follows LOCALE; after LOCALE changed, another blocker replaces the line", async () => {
  const app = await createAgentTestApp({ version: "1.2.2", setUpPlane: () => ({ LOCALE: "fr" }) });
  const guide = app.addTask("Guide");
  app.addTask("Map");
  await app.runFirstPoll();
  const created = await createTaskOperations(app.deps, app.getCaller("Concierge")).create({
    project: "ONB",
    title: "Tour",
    blocked_by: ["ONB-1"],
  });
  expect(created).toMatchObject({ key: "ONB-3" });
  const readDescription = () => app.plane.items(guide.project).find(({ name }) => name === "Tour")?.description_html;
  expect(readDescription()).toBe("<p>Bloquée par\u00a0: ONB-1</p>");
  await app.restart({ env: { LOCALE: "en" } });
  await createTaskOperations(app.deps, app.getCaller("Concierge")).update("ONB-3", { add_blockers: ["ONB-2"] });
  expect(readDescription()).toBe("<p>Blocked by: ONB-1, ONB-2</p>");
});

async function createOldPlaneApp(version: "1.2.2" | "1.3.1" = "1.2.2") {
  const app = await createTestApp({ version });
  const project = app.addProject();
  const { plane } = app;
  const guide = plane.addItem(project, { name: "Guide" });
  const tour = plane.addItem(project, { name: "Tour", description_html: "<p>Blocked by: ONB-1</p>" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane, project, guide, tour };
}

test("OPENCLAW-14 on Plane 1.2.2 adding and removing the line costs no request beyond the read of a changed item", async () => {
  const { app, plane, project, guide } = await createOldPlaneApp();
  const map = plane.addItem(project, { name: "Map" });
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  plane.editItem(map, { description_html: "<p>Draw it.</p><p>Blocked by: ONB-1</p>" }, { via: "api" });
  app.advance(3_000);
  const requests = await app.recordRequests(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  expect(requests).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/activities",
    "GET work-items/:id/comments",
  ]);
  expect(app.takeEvents()).toEqual(["ONB-3 blocked"]);
  expect((await app.readItem(map))?.blockers).toEqual([guide.id]);
  plane.editItem(map, { description_html: "<p>Draw it.</p>" }, { via: "api" });
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-3 unblocked"]);
});

test("OPENCLAW-14 on Plane 1.2.2 a key counts from when its item is observed until its item is removed", async () => {
  const { app, plane, project } = await createOldPlaneApp();
  const early = plane.addItem(project, { name: "Early", description_html: "<p>Blocked by: ONB-4, XYZ-1</p>" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await app.readItem(early))?.blockers).toEqual([]);
  const late = plane.addItem(project, { name: "Late" });
  await app.poll();
  await app.runUntilIdle();
  expect((await app.readItem(early))?.blockers).toEqual([late.id]);
  plane.deleteItem(late);
  await app.poll();
  await app.runUntilIdle();
  expect((await app.readItem(early))?.blockers).toEqual([]);
});

test("on Plane 1.2.2 a task that names itself as blocker is not blocked", async () => {
  const { app, plane, project } = await createOldPlaneApp();
  const self = plane.addItem(project, { name: "Self", description_html: "<p>Blocked by: ONB-3</p>" });
  await app.deliverWebhooks();
  expect((await app.readItem(self))?.blockers).toEqual([]);
});
