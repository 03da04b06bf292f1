import fc from "fast-check";
import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import {
  findDependencyCycles,
  parseBlockedByText,
  removeBlockedByLines,
} from "../../../shared/sync/dependency-edges.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestApp } from "../../support/test-app.ts";

test.each([
  ["<p>Write it.</p><p>blocked by : onb-3, ONB-4; WEB-12 and X1-7</p>", ["ONB-3", "ONB-4", "WEB-12", "X1-7"]],
  ["<p>Write it.<br><strong>Blocked by:</strong>\n ONB-3</p><ul><li>Blocked by: ONB-5</li></ul>", ["ONB-3", "ONB-5"]],
  ['<p>Blocked by:&nbsp;<a href="https://example.com/ONB-9">ONB-3</a> (the guide), ONB-4</p>', ["ONB-3"]],
  ["<p>Blocked by: öko-1 and A_B-2</p>", ["ÖKO-1", "A_B-2"]],
  ["<p>Bloque\u0301e par\u00a0: ONB-3, ONB-4 et WEB-12</p>", ["ONB-3", "ONB-4", "WEB-12"]],
  ["<p>bloqué par : ONB-5</p>", ["ONB-5"]],
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

const findTestCycles = (waits: Record<string, string[]>) => findDependencyCycles(new Map(Object.entries(waits)));

test("every cycle of a graph is found once, as the same path from whichever node it was found", () => {
  expect(findTestCycles({ a: ["b"], b: ["c", "d"], c: ["d"], d: [] })).toEqual([]);
  expect(findTestCycles({ c: ["b"], b: ["a"], a: ["c"] })).toEqual([["a", "c", "b", "a"]]);
  expect(findTestCycles({ a: ["c"], c: ["b"], b: ["c"] })).toEqual([["b", "c", "b"]]);
  const several = findTestCycles({ a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"], e: ["e"] });
  expect(several.map((path) => path.join(" "))).toEqual(["a b a", "c d c", "e e"]);
  // The cycle of m and x is found only when the search goes on from a start that has led to other cycles.
  const nested = { a: "by", b: "c", c: "b", m: "nx", n: "o", o: "n", x: "am", y: "z", z: "y" };
  const waits = Object.entries(nested).map(([name, others]) => [name, [...others]]);
  expect(findTestCycles(Object.fromEntries(waits))).toContainEqual(["m", "x", "m"]);
});

test("a chain of 20,000 nodes is searched without a stack overflow", () => {
  const row = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, [`t${i + 1}`]]));
  expect(findTestCycles(row)).toEqual([]);
  expect(findTestCycles({ ...row, t20000: ["t0"] })[0]).toHaveLength(20_002);
});

test("removing the edges of the cycles found makes any random graph acyclic in the end", () => {
  const names = fc.constantFrom("a", "b", "c", "d", "e", "f");
  fc.assert(
    fc.property(fc.dictionary(names, fc.uniqueArray(names, { maxLength: 4 })), (waits) => {
      const found = findTestCycles(waits);
      for (const path of found) {
        expect(path[0]).toBe(path.at(-1));
        for (const [i, name] of path.slice(0, -1).entries()) expect(waits[name]).toContain(path[i + 1]);
      }
      expect(isAcyclic(waits)).toBe(found.length === 0);
    }),
  );
});

/** Removes nodes without remaining blockers until no node is left or all of them wait. */
function isAcyclic(waits: Record<string, string[]>): boolean {
  const left = new Map(Object.entries(waits));
  for (;;) {
    const free = [...left].find(([, others]) => others.every((other) => !left.has(other)));
    if (!free) return left.size === 0;
    left.delete(free[0]);
  }
}
