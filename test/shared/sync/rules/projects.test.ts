import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 5: projects are read first, and the items of an archived project cause no events: archiving a project removes no items, and restoring it creates none", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.archiveProject(project);
  expect(await app.recordRequests(() => app.poll())).toEqual(["GET projects"]);
  await app.runUntilIdle();
  plane.restoreProject(project);
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test.each([1, 8])(
  "rule 5: projects are read first, and the items of an archived project cause no events: archiving a project twice after the projects were read removes no items (%i items)",
  async (count) => {
    const { app, plane, project } = await createObservedProject();
    for (let i = 1; i < count; i += 1) plane.addItem(project, { name: `Item ${i}` });
    await app.poll();
    // From now on a pass reads only what is new.
    app.advance(20 * MINUTE);
    await app.poll();
    app.takeEvents();
    for (let i = 0; i < 2; i += 1) {
      plane.faults.beforeRequest(({ path }) => {
        if (path.includes("work-items/?")) plane.archiveProject(project);
      });
      await app.poll();
      plane.faults.beforeRequest(undefined);
      expect(await app.deps.notices.readCurrent()).toEqual([]);
      await app.runUntilIdle();
      plane.restoreProject(project);
      await app.poll();
      await app.runUntilIdle();
    }
    expect(app.takeEvents()).toEqual([]);
  },
);
