import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** Two stored items, and a store whose clock can be set independently of Plane's. */
async function createKnownItems() {
  let ahead = 0;
  const app = await createTestApp({ store: (clock) => createMemoryStore({ clock: () => clock() + ahead }) });
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide", assignees: [app.human] });
  const other = app.plane.addItem(project, { name: "Other" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.advance(30 * MINUTE);
  const set = (by: number) => {
    ahead += by;
  };
  return { app, plane: app.plane, item, other, set };
}

/** The poll comes by, a few minutes pass, and it comes by again. */
async function pollTwice(app: Awaited<ReturnType<typeof createTestApp>>) {
  for (let i = 0; i < 2; i += 1) {
    await app.poll();
    for (let minute = 0; minute < 5; minute += 1) {
      app.advance(MINUTE);
      await app.drain();
    }
  }
}

describe.each([
  ["an hour back", -HOUR],
  ["five seconds back", -5_000],
  ["an hour on", HOUR],
])("reliability 9: when the store's clock is set %s", (_, by) => {
  test("between two reads that see an unassignment, one unassignment event is created", async () => {
    const { app, plane, item, set } = await createKnownItems();
    plane.editItem(item, { assignees: [] });
    app.dropWebhooks();
    app.onNextWait(() => set(by));
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 unassigned ada"]);
  });

  test("between two reads that do not find an item, one removal event is created", async () => {
    const { app, plane, item, set } = await createKnownItems();
    plane.deleteItem(item);
    app.dropWebhooks();
    app.onNextWait(() => set(by));
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 removed"]);
  });

  test("between two reads of an item's relations, the second read counts", async () => {
    const { app, plane, item, other, set } = await createKnownItems();
    plane.relate(item, other);
    app.dropWebhooks();
    await app.poll();
    set(by);
    plane.unrelate(item, other);
    app.dropWebhooks();
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 unblocked"]);
  });
});
