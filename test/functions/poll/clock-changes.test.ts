import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../shared/store/memory/memory-store.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** Two stored items, and a store whose clock can be set independently of Plane's. */
async function createKnownItems() {
  let ahead = 0;
  const crew = await createTestApp({ store: (clock) => createMemoryStore({ clock: () => clock() + ahead }) });
  const project = crew.addProject();
  const item = crew.plane.addItem(project, { name: "Guide", assignees: [crew.human] });
  const other = crew.plane.addItem(project, { name: "Other" });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  crew.advance(30 * MINUTE);
  const set = (by: number) => {
    ahead += by;
  };
  return { crew, plane: crew.plane, item, other, set };
}

/** The poll comes by, a few minutes pass, and it comes by again. */
async function pollTwice(crew: Awaited<ReturnType<typeof createTestApp>>) {
  for (let i = 0; i < 2; i += 1) {
    await crew.poll();
    for (let minute = 0; minute < 5; minute += 1) {
      crew.advance(MINUTE);
      await crew.drain();
    }
  }
}

describe.each([
  ["an hour back", -HOUR],
  ["five seconds back", -5_000],
  ["an hour on", HOUR],
])("9: when the store's clock is set %s", (_, by) => {
  test("between two reads that see an unassignment, one unassignment event is created", async () => {
    const { crew, plane, item, set } = await createKnownItems();
    plane.editItem(item, { assignees: [] });
    crew.dropWebhooks();
    crew.onNextWait(() => set(by));
    await pollTwice(crew);
    expect(crew.takeEvents()).toEqual(["ONB-1 unassigned ada"]);
  });

  test("between two reads that do not find an item, one removal event is created", async () => {
    const { crew, plane, item, set } = await createKnownItems();
    plane.deleteItem(item);
    crew.dropWebhooks();
    crew.onNextWait(() => set(by));
    await pollTwice(crew);
    expect(crew.takeEvents()).toEqual(["ONB-1 removed"]);
  });

  test("between two reads of an item's relations, the second read counts", async () => {
    const { crew, plane, item, other, set } = await createKnownItems();
    plane.relate(item, other);
    crew.dropWebhooks();
    await crew.poll();
    set(by);
    plane.unrelate(item, other);
    crew.dropWebhooks();
    await pollTwice(crew);
    expect(crew.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 unblocked"]);
  });
});
