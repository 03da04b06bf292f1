import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { parseBlockedByText, removeBlockedByLines } from "../../../shared/sync/dependency-edges.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestApp } from "../../support/test-app.ts";

test.each([
  ["<p>Write it.</p><p>blocked by : onb-3, ONB-4; WEB-12 and X1-7</p>", ["ONB-3", "ONB-4", "WEB-12", "X1-7"]],
  ["<p>Write it.<br><strong>Blocked by:</strong>\n ONB-3</p><ul><li>Blocked by: ONB-5</li></ul>", ["ONB-3", "ONB-5"]],
  ['<p>Blocked by:&nbsp;<a href="https://example.com/ONB-9">ONB-3</a> (the guide), ONB-4</p>', ["ONB-3"]],
  ["<p>Blocked by: öko-1 and A_B-2</p>", ["ÖKO-1", "A_B-2"]],
  [
    "<p>Bloque\u0301e par\u00a0: ONB-3, ONB-4 et WEB-12</p><p>bloqué par : ONB-5</p>",
    "ONB-3 ONB-4 WEB-12 ONB-5".split(" "),
  ],
  ["<p>It was blocked by: ONB-3</p><p>Blocked by ONB-3 for years</p>", []],
  ["<p>Blocked by: nothing, see ONB-3</p><p>Blocked by: ONB-0, ONB-03</p>", []],
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
  const act = () => createTaskOperations(app.deps, app.getCaller("Concierge"));
  await act().create({ project: "ONB", title: "Tour", blocked_by: ["ONB-1"] });
  const readDescription = () => app.plane.items(guide.project).find(({ name }) => name === "Tour")?.description_html;
  expect(readDescription()).toBe("<p>Bloquée par\u00a0: ONB-1</p>");
  await app.restart({ env: { LOCALE: "en" } });
  await act().update("ONB-3", { add_blockers: ["ONB-2"] });
  expect(readDescription()).toBe("<p>Blocked by: ONB-1, ONB-2</p>");
});

test("OPENCLAW-14 on Plane 1.2.2 a line blocks while its item is observed and the line is there, never by itself, at no request beyond the read of a changed item", async () => {
  const app = await createTestApp({ version: "1.2.2" });
  const project = app.addProject();
  const { plane } = app;
  const guide = plane.addItem(project, { name: "Guide" });
  const tour = plane.addItem(project, { name: "Tour", description_html: "<p>Blocked by: ONB-1</p>" });
  const map = plane.addItem(project, { name: "Map" });
  await app.runFirstPoll(MINUTE);
  const readBlockers = async (item: { id: string }) => (await app.readItem(item))?.blockers;
  expect([await readBlockers(tour), app.takeEvents()]).toEqual([[guide.id], []]);

  plane.editItem(map, { description_html: "<p>Draw it.</p><p>Blocked by: ONB-1</p>" }, { via: "api" });
  app.advance(3_000);
  const requests = await app.recordRequests(() => app.pollUntilIdle());
  const details = ["GET work-items/:id/activities", "GET work-items/:id/comments"];
  expect(requests).toEqual(["GET projects", "GET work-items", ...details]);
  expect([await readBlockers(map), app.takeEvents()]).toEqual([[guide.id], ["ONB-3 blocked"]]);
  plane.editItem(map, { description_html: "<p>Draw it.</p>" }, { via: "api" });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-3 unblocked"]);

  const line = "<p>Blocked by: ONB-4, ONB-5, XYZ-1</p>";
  const early = plane.addItem(project, { name: "Early", description_html: line });
  await app.deliverUntilIdle();
  expect(await readBlockers(early)).toEqual([]);
  const late = plane.addItem(project, { name: "Late" });
  await app.pollUntilIdle();
  expect(await readBlockers(early)).toEqual([late.id]);
  plane.deleteItem(late);
  await app.pollUntilIdle();
  expect(await readBlockers(early)).toEqual([]);
});
