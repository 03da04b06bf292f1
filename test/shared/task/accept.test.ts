import { describe, expect, test } from "vitest";
import { accept, type Seen, sameSnapshot } from "../../../shared/task/accept.ts";
import type { KeptItem, Snapshot } from "../../../shared/task/snapshot.ts";
import { at, kept, snapshot } from "./samples.ts";

const REV = 70;
const webhook = (change: Partial<Snapshot>, covered = ""): Seen => ({
  via: "webhook",
  snapshot: snapshot(change),
  covered,
});
/** A read that took 10 ms. */
const read = (change: Partial<Snapshot>, when = 1_000, since = REV): Seen => ({
  via: "read",
  snapshot: snapshot(change),
  since,
  began: when,
  ended: when + 10,
});
const absence = (when = 1_000, since = REV): Seen => ({ via: "absence", since, began: when, ended: when + 10 });
const ada = { assignees: ["ada"] };

describe("a webhook", () => {
  test("of an item nobody has seen is taken", () => {
    expect(accept(undefined, 0, webhook(ada))).toEqual({ next: kept(ada) });
  });
  test("of an item the last complete pass did not find is a reason to read", () => {
    expect(accept(undefined, 0, webhook({ updatedAt: at(4) }, at(4)))).toEqual({ rereadIn: 0 });
  });
  test("that is strictly newer replaces what is kept and moves nothing else", () => {
    const before = kept({}, { blockers: ["b"], detailsAt: at(0), startedAt: at(0) });
    const verdict = accept(before, REV, webhook({ updatedAt: at(1), name: "New" }));
    expect(verdict).toEqual({ next: { ...before, snapshot: snapshot({ updatedAt: at(1), name: "New" }) } });
  });
  test("that says what is kept changes nothing", () => {
    expect(accept(kept(), REV, webhook({}))).toEqual({});
  });
  test.each([0, 1])("with an older or equal time and another content is a reason to read (%i s)", (second) => {
    const verdict = accept(kept({ updatedAt: at(1) }), REV, webhook({ updatedAt: at(second), name: "Old" }));
    expect(verdict).toEqual({ rereadIn: 0 });
  });
  test("of a removed item is only a reason to read", () => {
    expect(accept(kept({}, { gone: 5 }), REV, webhook({ updatedAt: at(9) }))).toEqual({ rereadIn: 0 });
  });
  test.each(["assignees", "labels"] as const)("never takes the last %s away by itself", (field) => {
    const verdict = accept(kept({ [field]: ["x"] }), REV, webhook({ updatedAt: at(1), name: "New" }));
    expect(verdict).toEqual({ next: kept({ updatedAt: at(1), name: "New", [field]: ["x"] }), rereadIn: 0 });
  });
  test("that sees no labels does not unblock what a label blocks", () => {
    const verdict = accept(
      kept({ labels: ["blocked"], word: "blocked" }),
      REV,
      webhook({ updatedAt: at(1), word: "todo" }),
    );
    expect(verdict.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
  });
  test("that shows somebody ends the doubt about the assignees, not the one about the item", () => {
    const before = kept(ada, { doubt: { assignees: 5, gone: 7 } });
    const verdict = accept(before, REV, webhook({ updatedAt: at(1), assignees: ["thot"] }));
    expect(verdict.next?.doubt).toEqual({ gone: 7 });
  });
  test("that shows labels ends the doubt about them", () => {
    const verdict = accept(
      kept({ labels: ["x"] }, { doubt: { labels: 5 } }),
      REV,
      webhook({ updatedAt: at(1), labels: ["y"] }),
    );
    expect(verdict.next).toEqual(kept({ updatedAt: at(1), labels: ["y"] }));
  });
  test("that shows nobody keeps the doubt", () => {
    const verdict = accept(kept(ada, { doubt: { assignees: 5 } }), REV, webhook({ updatedAt: at(1) }));
    expect(verdict).toEqual({ next: kept({ ...ada, updatedAt: at(1) }, { doubt: { assignees: 5 } }), rereadIn: 0 });
  });
});

describe("a read", () => {
  test("of an item nobody has seen is taken", () => {
    expect(accept(undefined, 0, read(ada, 1_000, 0))).toEqual({ next: kept(ada) });
  });
  test("replaces what is kept whatever the times say, when nothing was kept since it began", () => {
    const verdict = accept(kept({ updatedAt: at(9), name: "Newer?" }), REV, read({ updatedAt: at(1) }));
    expect(verdict).toEqual({ next: kept({ updatedAt: at(1) }) });
  });
  test("that says what is kept changes nothing", () => {
    expect(accept(kept(ada), REV, read(ada))).toEqual({});
  });
  test("that something else overtook is read again", () => {
    expect(accept(kept(), REV, read({ updatedAt: at(9) }, 1_000, REV - 1))).toEqual({ rereadIn: 0 });
  });
  test("that something else overtook and that says the same is good", () => {
    expect(accept(kept(ada), REV, read(ada, 1_000, REV - 1))).toEqual({});
  });
  test("that a removal overtook is read again", () => {
    expect(accept(kept({}, { gone: 5 }), REV, read({}, 1_000, REV - 1))).toEqual({ rereadIn: 0 });
  });
  test("brings a removed item back, with what the bridge knows of it", () => {
    const verdict = accept(kept({}, { gone: 5, detailsAt: at(0) }), REV, read(ada));
    expect(verdict).toEqual({ next: kept(ada, { detailsAt: at(0) }) });
  });
  test.each(["assignees", "labels"] as const)("that sees no %s any more is doubted and repeated in 2 s", (field) => {
    const verdict = accept(kept({ [field]: ["x"] }), REV, read({ updatedAt: at(1) }));
    const next = kept({ [field]: ["x"], updatedAt: at(1) }, { doubt: { [field]: 1_010 } });
    expect(verdict).toEqual({ next, rereadIn: 2_000 });
  });
  test.each(["assignees", "labels"] as const)("that took the %s away itself is believed at once", (field) => {
    const seen = { ...read({ updatedAt: at(1) }), emptied: [field] };
    expect(accept(kept({ [field]: ["x"] }), REV, seen)).toEqual({ next: kept({ updatedAt: at(1) }) });
  });
  test("that sees it again too early waits for the rest of the 2 s", () => {
    const before = kept(ada, { doubt: { assignees: 1_010 } });
    expect(accept(before, REV, read({}, 1_500))).toEqual({ rereadIn: 1_510 });
  });
  test("that sees it again 2 s after the end of the first confirms it", () => {
    const before = kept(ada, { doubt: { assignees: 1_010 } });
    expect(accept(before, REV, read({}, 3_010))).toEqual({ next: kept() });
  });
  test("that sees somebody again ends the doubt", () => {
    const before = kept(ada, { doubt: { assignees: 1_010, gone: 1_010 } });
    expect(accept(before, REV, read(ada, 3_010))).toEqual({ next: kept(ada) });
  });
  test("confirms one loss while it begins to doubt another", () => {
    const before = kept({ ...ada, labels: ["x"] }, { doubt: { assignees: 1_010 } });
    const verdict = accept(before, REV, read({}, 3_010));
    expect(verdict).toEqual({ next: kept({ labels: ["x"] }, { doubt: { labels: 3_020 } }), rereadIn: 2_000 });
  });
  test("takes one of several away at once: a list with someone in it is whole", () => {
    const verdict = accept(kept({ assignees: ["ada", "thot"] }), REV, read(ada));
    expect(verdict).toEqual({ next: kept(ada) });
  });
});

describe("an absence", () => {
  test("of an unknown or removed item is nothing", () => {
    expect(accept(undefined, 0, absence())).toEqual({});
    expect(accept(kept({}, { gone: 5 }), REV, absence())).toEqual({});
  });
  test("that something else overtook is read again", () => {
    expect(accept(kept(), REV, absence(1_000, REV - 1))).toEqual({ rereadIn: 0 });
  });
  test("is doubted and repeated in 2 s", () => {
    const before = kept(ada, { doubt: { assignees: 900 } });
    const next = kept(ada, { doubt: { assignees: 900, gone: 1_010 } });
    expect(accept(before, REV, absence())).toEqual({ next, rereadIn: 2_000 });
  });
  test("seen again too early waits for the rest of the 2 s", () => {
    expect(accept(kept({}, { doubt: { gone: 1_010 } }), REV, absence(2_000))).toEqual({ rereadIn: 1_010 });
  });
  test("seen again after 2 s leaves a tombstone without blockers and doubts", () => {
    const before: KeptItem = kept(ada, { blockers: ["b"], detailsAt: at(0), doubt: { gone: 1_010, assignees: 5 } });
    expect(accept(before, REV, absence(3_010))).toEqual({ next: kept(ada, { detailsAt: at(0), gone: 3_020 }) });
  });
});

test("two snapshots are the same when everything but the item's identity is", () => {
  expect(sameSnapshot(snapshot(), snapshot())).toBe(true);
  expect(sameSnapshot(snapshot(), snapshot({ createdAt: at(9), createdBy: "thot" }))).toBe(true);
  const changes: Partial<Snapshot>[] = [
    { updatedAt: at(1) },
    { state: "s" },
    { word: "done" },
    { name: "n" },
    { priority: "low" },
    { assignees: ["a"] },
    { labels: ["l"] },
    { due: "2026-12-24" },
    { start: "2026-12-24" },
    { parent: "p" },
    { description: "d" },
    { completedAt: at(1) },
    { sequence: 13 },
    { project: "p" },
  ];
  for (const change of changes) expect(sameSnapshot(snapshot(), snapshot(change)), JSON.stringify(change)).toBe(false);
});

test("one read that sees no labels does not unblock what a label blocks; a second one does", () => {
  const before = kept({ labels: ["blocked"], word: "blocked" });
  const first = accept(before, REV, read({ word: "todo" }));
  expect(first.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
  const second = accept(first.next, REV, read({ word: "todo" }, 3_010));
  expect(second.next?.snapshot).toMatchObject({ labels: [], word: "todo" });
});
