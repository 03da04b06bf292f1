import { expect, test } from "vitest";
import { isSameSnapshot, mergeObservation, type Observation } from "../../../shared/task/merge-observation.ts";
import type { ItemRecord, Snapshot } from "../../../shared/task/snapshot.ts";
import { createSnapshot, createItemRecord as item, toTimestamp } from "./sample-items.ts";

/** The revision of the stored item. */
const REV = 70;

const web = (change: Partial<Snapshot>, covered = ""): Observation => ({
  ...{ via: "webhook", snapshot: createSnapshot(change), covered },
});
/** A read that took 10 ms. */
const read = (change: Partial<Snapshot>, began = 1_000, since = REV, more: object = {}): Observation => ({
  ...{ via: "read", snapshot: createSnapshot(change), since, began, ended: began + 10 },
  ...more,
});
const absence = (began = 1_000, since = REV): Observation => ({ via: "absence", since, began, ended: began + 10 });

const ada = { assignees: ["ada"] };
const [t1, t9] = [{ updatedAt: toTimestamp(1) }, { updatedAt: toTimestamp(9) }];
const new1 = { ...t1, name: "New" };
const blocked: Partial<Snapshot> = { labels: ["blocked"], status: "blocked" };
const gone = item({}, { removedAt: 5 });
const more = { blockers: ["b"], detailsAt: toTimestamp(0), startedAt: toTimestamp(0) };
const losing = (change: Partial<Snapshot>, losses: ItemRecord["pendingLosses"] & {}) =>
  item(change, { pendingLosses: losses });

/** What an observation leads to: the next record, if it changes, and in how many ms another read is needed. */
type Row = [title: string, before: ItemRecord | undefined, Observation, next?: ItemRecord | null, rereadIn?: number];

const ROWS: Row[] = [
  ["a webhook of an unknown item is stored", undefined, web(ada), item(ada)],
  ["a late webhook of a deleted item requests a read", undefined, web(t1, t1.updatedAt), null, 0],
  ["a newer webhook replaces only the snapshot", item({}, more), web(new1), item(new1, more)],
  ["a webhook that equals what is stored changes nothing", item(), web({})],
  ["an older webhook requests a read", item(t1), web({ name: "Old" }), null, 0],
  ["a webhook of the same time requests a read", item(t1), web({ ...t1, name: "Old" }), null, 0],
  ["a webhook of a removed item requests a read", gone, web(t9), null, 0],
  ["a webhook does not unblock an item", item(blocked), web({ ...t1, status: "todo" }), item({ ...blocked, ...t1 }), 0],
  ["a webhook keeps a loss", losing(ada, { assignees: 5 }), web(t1), losing({ ...ada, ...t1 }, { assignees: 5 }), 0],
  ...(["assignees", "labels"] as const).flatMap((field): Row[] => {
    const [x, y] = [{ [field]: ["x"] }, { [field]: ["y"], ...t1 }];
    const lost = losing({ ...x, ...t1 }, { [field]: 1_010 });
    const [early, late] = [losing(x, { [field]: 1_010 }), losing({ ...x, ...t1 }, { [field]: 1_010 })];
    const both = { [field]: 5, removal: 7 };
    return [
      [`a webhook never removes the last ${field}`, item(x), web(t1), item({ ...x, ...t1 }), 0],
      [`a webhook with ${field} ends their loss, but no removal`, losing(x, both), web(y), losing(y, { removal: 7 })],
      [`a read without ${field} makes their loss pending for 2 s`, item(x), read(t1), lost, 2_000],
      [`a read that removed the ${field} itself counts`, item(x), read(t1, 1_000, REV, { emptied: [field] }), item(t1)],
      [`a second read without ${field} that is too early waits`, early, read({}, 1_500), null, 1_510],
      [`a read without ${field} 2 s after the first confirms`, late, read({}, 3_010), item()],
    ];
  }),
  ["a read of an unknown item is stored", undefined, read(ada, 1_000, 0), item(ada)],
  ["a read counts whatever its times, when nothing was stored since", item(t9), read(t1), item(t1)],
  ["a read that equals what is stored changes nothing", item(ada), read(ada)],
  ["a read that was overtaken is repeated", item(), read(t9, 1_000, REV - 1), null, 0],
  ["a read that was overtaken by its equal is enough", item(ada), read(ada, 1_000, REV - 1)],
  ["a read that a removal overtook is repeated", gone, read({}, 1_000, REV - 1), null, 0],
  ["stored details overtake nothing", item({}, { observedRev: 9 }), read(t9, 1_000, 9), item(t9, { observedRev: 9 })],
  ["a read restores a removed item that has not changed", gone, read({}), item()],
  ["a read restores a removed item with other data", item({}, { ...more, removedAt: 5 }), read(ada), item(ada, more)],
  ["a read with assignees ends losses", losing(ada, { assignees: 9, removal: 9 }), read(ada, 3_010), item(ada)],
  ["one of several assignees is removed at once", item({ assignees: ["ada", "thot"] }), read(ada), item(ada)],
  ["a read does not unblock", item(blocked), read({ status: "todo" }), losing(blocked, { labels: 1_010 }), 2_000],
  ["an absence of an unknown item changes nothing", undefined, absence(1_000, 0)],
  ["an absence of a removed item changes nothing", gone, absence()],
  ["an absence that was overtaken is repeated", item(), absence(1_000, REV - 1), null, 0],
  ["an absence makes the removal pending for 2 s", item(), absence(), losing({}, { removal: 1_010 }), 2_000],
  ["a second absence that is too early waits", losing({}, { removal: 1_010 }), absence(2_000), null, 1_010],
  ["a future time delays nothing", losing({}, { removal: 9e6 }), absence(), losing({}, { removal: 1_010 }), 2_000],
  [
    "an absence after 2 s leaves a tombstone without blockers and losses",
    item(ada, { ...more, pendingLosses: { removal: 1_010, assignees: 5 } }),
    absence(3_010),
    item(ada, { ...more, blockers: [], removedAt: 3_020 }),
  ],
];

test.each(ROWS)("%s", (_, before, observation, next, rereadIn) => {
  const expected = { ...(next ? { next } : {}), ...(rereadIn === undefined ? {} : { rereadIn }) };
  expect(mergeObservation(before, before ? REV : 0, observation)).toEqual(expected);
});

test("two snapshots are equal when everything but the item's identity is equal", () => {
  expect(isSameSnapshot(createSnapshot(), createSnapshot({ createdAt: t9.updatedAt, createdBy: "thot" }))).toBe(true);
  const changes: Partial<Snapshot>[] = [
    ...[t1, { state: "s" }, { name: "n" }, { assignees: ["a"] }, { labels: ["l"] }, { due: "2026-12-24" }],
    ...[{ start: "2026-12-24" }, { parent: "p" }, { description: "d" }, { completedAt: t1.updatedAt }],
    ...[{ sequence: 13 }, { project: "p" }, { status: "done" as const }, { priority: "low" as const }],
  ];
  for (const change of changes) expect(isSameSnapshot(createSnapshot(), createSnapshot(change))).toBe(false);
  expect(isSameSnapshot(createSnapshot(ada), createSnapshot({ assignees: ["thot"] }))).toBe(false);
});
