import { describe, expect, test } from "vitest";
import { createCrew } from "../../../crew.ts";
import { known, MINUTE } from "./known.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

describe("rule 9: what was there before us is known and silent", () => {
  test("webhooks are held until a project's first complete read", async () => {
    const { crew, plane } = await known();
    const hidden = crew.project("Second", "SEC");
    const old = plane.addItem(hidden, { name: "Old" });
    plane.archiveProject(hidden);
    await crew.restart({ store: "lost" });
    crew.pass(MINUTE);
    await crew.begin();
    plane.restoreProject(hidden);
    // The poll sees that the project is back and does not get to read it.
    const undo = plane.faults.add({ path: `${hidden.id}/work-items` }, { kind: "status", status: 503 });
    await expect(crew.poll()).rejects.toThrow();
    plane.editItem(old, { name: "Renamed" });
    await crew.deliver();
    undo();
    await crew.settle();
    await crew.poll();
    expect(crew.events()).toEqual([]);
    plane.editItem(old, { state: "Done" });
    await crew.deliver();
    expect(crew.events()).toEqual(["SEC-1 completed", "SEC project_completed"]);
  });

  test("what is made while the first read is on its way is new", async () => {
    const crew = await createCrew();
    const project = crew.project();
    crew.plane.addItem(project, { name: "Old" });
    crew.pass(MINUTE);
    crew.plane.faults.beforeRequest(({ path }) => {
      if (!path.includes("work-items/?")) return;
      crew.plane.faults.beforeRequest(undefined);
      crew.pass(5_000);
      crew.plane.addItem(project, { name: "New" });
    });
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-2 created"]);
  });

  test("a project made since we began is told, with everything in it; one we are let into later is not", async () => {
    const { crew, plane } = await known();
    const born = crew.project("Born", "BORN");
    plane.addItem(born, { name: "First" });
    crew.lose();
    await crew.poll();
    expect(crew.events()).toEqual(["BORN project_created", "BORN-1 created"]);
  });
});
