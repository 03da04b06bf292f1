import { describe, expect, test } from "vitest";
import { known, MINUTE } from "./known.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

describe("rule 5: projects are read first; an archived project's items are silent", () => {
  test("archiving a project removes none of its items, and restoring it brings none", async () => {
    const { crew, plane, project, item } = await known();
    plane.archiveProject(project);
    expect(await crew.requests(() => crew.poll())).toEqual(["GET projects"]);
    await crew.settle();
    plane.restoreProject(project);
    await crew.poll();
    await crew.settle();
    expect(crew.events()).toEqual([]);
    plane.editItem(item, { state: "Done" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-1 completed", "ONB project_completed"]);
  });

  test.each([1, 8])("nor when it is archived after the projects were read (%i items)", async (count) => {
    const { crew, plane, project } = await known();
    for (let i = 1; i < count; i += 1) plane.addItem(project, { name: `Item ${i}` });
    await crew.poll();
    crew.events();
    plane.faults.beforeRequest(({ path }) => {
      if (path.includes("work-items/?")) plane.archiveProject(project);
    });
    await crew.poll();
    await crew.settle();
    expect(crew.events()).toEqual([]);
  });

  test.each([1, 8])("nor when that happens a second time (%i items)", async (count) => {
    const { crew, plane, project } = await known();
    for (let i = 1; i < count; i += 1) plane.addItem(project, { name: `Item ${i}` });
    await crew.poll();
    // From now on a pass reads only what is new.
    crew.pass(20 * MINUTE);
    await crew.poll();
    crew.events();
    for (let i = 0; i < 2; i += 1) {
      plane.faults.beforeRequest(({ path }) => {
        if (path.includes("work-items/?")) plane.archiveProject(project);
      });
      await crew.poll();
      plane.faults.beforeRequest(undefined);
      await crew.settle();
      plane.restoreProject(project);
      await crew.poll();
      await crew.settle();
    }
    expect(crew.events()).toEqual([]);
  });

  test("nor when it is archived between a webhook and the read it asks for", async () => {
    const { crew, plane, project, item } = await known();
    plane.editItem(item, { assignees: [] });
    plane.settle();
    const bodies = plane.deliveries.pending.map(({ body }) => body);
    plane.archiveProject(project);
    for (const body of bodies) await crew.feed(body);
    await crew.settle();
    await crew.poll();
    expect(crew.events()).toEqual([]);
  });
});
