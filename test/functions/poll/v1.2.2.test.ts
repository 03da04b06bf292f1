import { expect, test } from "vitest";
import { createCrew } from "../../crew.ts";

const MINUTE = 60_000;

async function old() {
  const crew = await createCrew({ version: "1.2.2" });
  const thot = crew.person("Thot");
  const project = crew.project();
  const item = crew.plane.addItem(project, { name: "Guide" });
  crew.pass(MINUTE);
  await crew.begin();
  return { crew, plane: crew.plane, project, item, thot };
}

test("on Plane 1.2.2 an edit by API, which sends no webhook, is found by the poll, and nobody asks for relations", async () => {
  const { crew, plane, item, thot } = await old();
  plane.editItem(item, { state: "In Progress", assignees: [thot] }, { via: "api" });
  plane.settle();
  expect(plane.deliveries.pending).toEqual([]);
  const requests = await crew.requests(async () => {
    await crew.poll();
    await crew.settle();
  });
  expect(crew.events()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items/:id/comments"]);
});

test("on Plane 1.2.2 creations, comments and edits in the browser are told by webhook", async () => {
  const { crew, plane, project, item } = await old();
  plane.addItem(project, { name: "New" }, { via: "api" });
  plane.addComment(item, "<p>Words</p>");
  plane.editItem(item, { state: "Done" }, { via: "browser" });
  await crew.deliver();
  expect(crew.events().sort()).toEqual(['ONB-1 comment_added "Words"', "ONB-1 completed", "ONB-2 created"]);
  await crew.poll();
  await crew.settle();
  expect(crew.events()).toEqual([]);
});
