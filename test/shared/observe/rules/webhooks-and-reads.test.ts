import { describe, expect, test } from "vitest";
import { readCycles } from "../../../../shared/observe/cycles.ts";
import { observeItem } from "../../../../shared/observe/item.ts";
import { keys, sets } from "../../../../shared/observe/keys.ts";
import { readItem } from "../../../../shared/observe/read.ts";
import type { KeptItem } from "../../../../shared/task/snapshot.ts";
import { known, MINUTE, slowly, sourceOf } from "./known.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

describe("rule 1: a webhook replaces only what is older, a read what nothing overtook", () => {
  test("a webhook that comes after a newer one reopens nothing", async () => {
    const { crew, plane, item } = await known();
    plane.editItem(item, { state: "In Progress" });
    plane.settle();
    const [late] = plane.deliveries.pending.map(({ body }) => body);
    plane.deliveries.dropAll();
    plane.editItem(item, { state: "Done" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-1 completed", "ONB project_completed"]);
    await crew.feed(late ?? "");
    await crew.settle();
    expect(crew.events()).toEqual([]);
    expect((await crew.kept(item))?.snapshot.word).toBe("done");
  });

  test("a read that a webhook overtook reopens nothing, and is made again", async () => {
    const { crew, plane, project, item } = await known();
    const deps = slowly(crew.deps, async () => {
      plane.editItem(item, { state: "Done" });
      await crew.deliver();
    });
    await readItem(deps, item.id, await sourceOf(crew, project));
    const requests = await crew.requests(() => crew.settle());
    expect(crew.events()).toEqual(["ONB-1 completed", "ONB project_completed"]);
    expect(requests).toContain("GET work-items/:id");
  });

  test("a read counts whatever its updated_at says: a label got another name and no item moved", async () => {
    const { crew, project, item } = await known();
    const [kept] = await crew.store.read<KeptItem>([keys.item(item.id)]);
    if (!kept) throw new Error("not kept");
    const now = await crew.store.now();
    for (const [updatedAt, word] of [
      [kept.value.snapshot.updatedAt, "blocked"],
      ["2026-01-01T00:00:00.000000Z", "done"],
    ] as const) {
      const [{ rev: since = 0 } = {}] = await crew.store.read([keys.item(item.id)]);
      const snapshot = { ...kept.value.snapshot, word, updatedAt };
      const seen = { via: "read", snapshot, since, began: now, ended: now } as const;
      await observeItem(crew.deps, item.id, seen, await sourceOf(crew, project));
    }
    await crew.drain();
    expect(crew.events()).toEqual(["ONB-1 blocked", "ONB-1 completed", "ONB project_completed"]);
  });

  test("a reading of the cycles that another overtook starts no cycle twice", async () => {
    const { crew, plane, project } = await known();
    plane.editProject(project, { name: project.name, ...{ cycle_view: true } });
    await crew.poll();
    const cycle = plane.addCycle(project, { name: "Sprint", start_date: "2026-11-25", end_date: "2026-11-30" });
    await crew.deliver();
    const deps = slowly(crew.deps, async () => {
      plane.editCycle(cycle, { start_date: "2026-11-20" });
      await crew.deliver();
    });
    await readCycles(deps, (await sourceOf(crew, project)).project, "test");
    await crew.settle();
    await crew.cycles();
    expect(crew.events()).toEqual(["Sprint cycle_started"]);
  });
});

test("rule 1: a cycle made while the cycles were read is not forgotten and started again", async () => {
  const { crew, plane, project } = await known();
  const deps = slowly(crew.deps, async () => {
    plane.addCycle(project, { name: "Sprint", start_date: "2026-11-20", end_date: "2026-11-30" });
    await crew.deliver();
  });
  await readCycles(deps, (await sourceOf(crew, project)).project, "test");
  expect(await crew.store.count(sets.cycles(project.id))).toBe(1);
  plane.addCycle(project, { name: "Next", start_date: "2026-12-20", end_date: "2026-12-30" });
  await crew.deliver();
  await crew.settle();
  expect(crew.events()).toEqual(["Sprint cycle_started"]);
});

describe("rule 2: cursors and details move only by reads", () => {
  test("a lost comment does not hide behind a newer edit that a webhook told", async () => {
    const { crew, plane, item } = await known({ random: () => 0 });
    plane.addComment(item, "<p>Look here</p>");
    crew.lose();
    crew.pass(1_000);
    plane.editItem(item, { name: "Manual" });
    await crew.deliver();
    await crew.settle();
    expect(crew.events()).toEqual(["ONB-1 renamed"]);
    await crew.poll();
    expect(crew.events()).toEqual(['ONB-1 comment_added "Look here"']);
  });

  test("nor behind the first webhook of an item that came back from the archive", async () => {
    const { crew, plane, project } = await known();
    const old = plane.addItem(project, { name: "Archived before us" });
    plane.archiveItem(old);
    await crew.restart({ store: "lost" });
    crew.pass(MINUTE);
    await crew.begin();
    plane.restoreItem(old);
    plane.addComment(old, "<p>Back again</p>");
    crew.lose();
    plane.editItem(old, { name: "Renamed" });
    await crew.deliver();
    await crew.poll();
    expect(crew.events()).toEqual(['ONB-2 comment_added "Back again"']);
  });

  test("a lost change of one item does not hide behind a later webhook of another", async () => {
    const { crew, plane, project, item } = await known();
    const other = plane.addItem(project, { name: "Other" });
    await crew.deliver();
    await crew.poll();
    crew.events();
    plane.editItem(item, { state: "Done" });
    crew.lose();
    crew.pass(15 * MINUTE);
    plane.editItem(other, { name: "Another" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-2 renamed"]);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 completed"]);
  });
});
