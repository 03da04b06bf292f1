import { describe, expect, test } from "vitest";
import { sets } from "../../../../shared/observe/keys.ts";
import { readRelations } from "../../../../shared/observe/relations.ts";
import { known, slowly, sourceOf } from "./known.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

describe("rule 7: a relation belongs to the pair", () => {
  async function pair() {
    const { crew, plane, project, item } = await known();
    const blocker = plane.addItem(project, { name: "First" });
    await crew.poll();
    await crew.settle();
    crew.events();
    crew.pass(1_000);
    return { crew, plane, project, item, blocker };
  }

  test("one that was made on the blocker's page, which moves only the blocker, blocks the other", async () => {
    const { crew, plane, item, blocker } = await pair();
    plane.relate(item, blocker, { onto: "blocker" });
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 blocked"]);
  });

  test("one that was ended on the blocker's page does not come back with an older reading of the other", async () => {
    const { crew, plane, project, item, blocker } = await pair();
    plane.relate(item, blocker);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 blocked"]);
    const kept = await crew.kept(item);
    if (!kept) throw new Error("not kept");
    const deps = slowly(crew.deps, async () => {
      crew.pass(1_000);
      plane.unrelate(item, blocker, { onto: "blocker" });
      await crew.poll();
    });
    await readRelations(deps, kept, await sourceOf(crew, project));
    await crew.settle();
    expect(crew.events()).toEqual(["ONB-1 unblocked"]);
  });

  test("a blocker's end, which moves nothing on those who wait, unblocks them at once", async () => {
    const { crew, plane, item, blocker } = await pair();
    plane.relate(item, blocker);
    await crew.poll();
    crew.events();
    plane.editItem(blocker, { state: "Done" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-2 completed", "ONB-1 unblocked"]);
    plane.editItem(blocker, { state: "Todo" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-2 reopened", "ONB-1 blocked"]);
  });

  test("removing an item drops its edges", async () => {
    const { crew, plane, item, blocker } = await pair();
    plane.relate(item, blocker);
    await crew.poll();
    crew.events();
    expect(await crew.store.count(sets.edges)).toBe(1);
    plane.deleteItem(blocker);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-2 removed", "ONB-1 unblocked"]);
    expect(await crew.store.count(sets.edges)).toBe(0);
  });
});
