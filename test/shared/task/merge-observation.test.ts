import { expect, test } from "vitest";
import {
  isSameSnapshot,
  type MergeResult,
  mergeObservation,
  type Observation,
} from "../../../shared/task/merge-observation.ts";
import type { ItemRecord, Snapshot } from "../../../shared/task/snapshot.ts";
import { createSnapshot, createItemRecord as item, toTimestamp } from "./sample-items.ts";

/** The revision of the stored item. */
const REV = 70;

const seenByWebhook = (change: Partial<Snapshot>, covered = ""): Observation => ({
  via: "webhook",
  snapshot: createSnapshot(change),
  covered,
});
/** A read that took 10 ms. */
const read = (change: Partial<Snapshot>, began = 1_000, since = REV): Observation => ({
  via: "read",
  snapshot: createSnapshot(change),
  ...{ since, began, ended: began + 10 },
});
const absence = (began = 1_000, since = REV): Observation => ({ via: "absence", since, began, ended: began + 10 });

const ada = { assignees: ["ada"] };
const [t1, t9] = [{ updatedAt: toTimestamp(1) }, { updatedAt: toTimestamp(9) }];
const blocked: Partial<Snapshot> = { labels: ["blocked"], status: "blocked" };
const gone = item({}, { removedAt: 5 });
const stored = { blockers: ["b"], detailsAt: toTimestamp(0), startedAt: toTimestamp(0) };
const losing = (field: "assignees" | "labels", change: Partial<Snapshot> = t1) =>
  item({ [field]: ["x"], ...change }, { pendingLosses: { [field]: 1_010 } });
const AGAIN = { rereadIn: 0 };

test.each<[string, ItemRecord | undefined, Observation, MergeResult]>([
  ["a webhook of an unknown item is stored", undefined, seenByWebhook(ada), { next: item(ada) }],
  ["a late webhook of a deleted item requests a read", undefined, seenByWebhook(t1, t1.updatedAt), AGAIN],
  [
    "a newer webhook replaces only the snapshot",
    item({}, stored),
    seenByWebhook({ ...t1, name: "New" }),
    { next: item({ ...t1, name: "New" }, stored) },
  ],
  ["a webhook that equals what is stored changes nothing", item(), seenByWebhook({}), {}],
  ["an older webhook requests a read", item(t1), seenByWebhook({ name: "Old" }), AGAIN],
  ["a webhook of the same time requests a read", item(t1), seenByWebhook({ ...t1, name: "Old" }), AGAIN],
  ["a webhook of a removed item requests a read", gone, seenByWebhook(t9), AGAIN],
  ...(["assignees", "labels"] as const).flatMap((field): [string, ItemRecord, Observation, MergeResult][] => [
    [
      `a webhook never removes the last ${field} by itself`,
      item({ [field]: ["x"] }),
      seenByWebhook(t1),
      { next: item({ ...t1, [field]: ["x"] }), rereadIn: 0 },
    ],
    [
      `a webhook with ${field} ends their pending loss, but no pending removal`,
      item({ [field]: ["x"] }, { pendingLosses: { [field]: 5, removal: 7 } }),
      seenByWebhook({ ...t1, [field]: ["y"] }),
      { next: item({ ...t1, [field]: ["y"] }, { pendingLosses: { removal: 7 } }) },
    ],
    [
      `a read without ${field} makes their loss pending and is repeated in 2 s`,
      item({ [field]: ["x"] }),
      read(t1),
      { next: losing(field), rereadIn: 2_000 },
    ],
    [
      `a read that removed the ${field} itself counts at once`,
      item({ [field]: ["x"] }),
      { ...read(t1), emptied: [field] } as Observation,
      { next: item(t1) },
    ],
    [`a second read without ${field} that is too early waits`, losing(field, {}), read({}, 1_500), { rereadIn: 1_510 }],
    [`a read without ${field} 2 s after the first confirms the loss`, losing(field), read({}, 3_010), { next: item() }],
  ]),
  [
    "a webhook without the label does not unblock an item",
    item(blocked),
    seenByWebhook({ ...t1, status: "todo" }),
    { next: item({ ...blocked, ...t1 }), rereadIn: 0 },
  ],
  [
    "a webhook without assignees keeps their pending loss",
    item(ada, { pendingLosses: { assignees: 5 } }),
    seenByWebhook(t1),
    { next: item({ ...ada, ...t1 }, { pendingLosses: { assignees: 5 } }), rereadIn: 0 },
  ],
  ["a read of an unknown item is stored", undefined, read(ada, 1_000, 0), { next: item(ada) }],
  ["a read counts whatever its times, when nothing was stored since", item(t9), read(t1), { next: item(t1) }],
  ["a read that equals what is stored changes nothing", item(ada), read(ada), {}],
  ["a read that was overtaken is repeated", item(), read(t9, 1_000, REV - 1), AGAIN],
  ["a read that was overtaken by its equal is enough", item(ada), read(ada, 1_000, REV - 1), {}],
  ["a read that a removal overtook is repeated", gone, read({}, 1_000, REV - 1), AGAIN],
  [
    "details that were stored overtake nothing",
    item({}, { observedRev: 9 }),
    read(t9, 1_000, 9),
    { next: item(t9, { observedRev: 9 }) },
  ],
  ["a read restores a removed item that has not changed", gone, read({}), { next: item() }],
  [
    "a read restores a removed item with its other data",
    item({}, { removedAt: 5, detailsAt: toTimestamp(0) }),
    read(ada),
    { next: item(ada, { detailsAt: toTimestamp(0) }) },
  ],
  [
    "a read that sees assignees again ends the pending losses",
    item(ada, { pendingLosses: { assignees: 1_010, removal: 1_010 } }),
    read(ada, 3_010),
    { next: item(ada) },
  ],
  [
    "a read confirms one loss while another becomes pending",
    item({ ...ada, labels: ["x"] }, { pendingLosses: { assignees: 1_010 } }),
    read({}, 3_010),
    { next: item({ labels: ["x"] }, { pendingLosses: { labels: 3_020 } }), rereadIn: 2_000 },
  ],
  ["one of several assignees is removed at once", item({ assignees: ["ada", "thot"] }), read(ada), { next: item(ada) }],
  [
    "a read without the label does not unblock an item",
    item(blocked),
    read({ status: "todo" }),
    { next: item(blocked, { pendingLosses: { labels: 1_010 } }), rereadIn: 2_000 },
  ],
  ["an absence of an unknown item changes nothing", undefined, absence(1_000, 0), {}],
  ["an absence of a removed item changes nothing", gone, absence(), {}],
  ["an absence that was overtaken is repeated", item(), absence(1_000, REV - 1), AGAIN],
  [
    "an absence makes the removal pending and is repeated in 2 s",
    item(ada, { pendingLosses: { assignees: 900 } }),
    absence(),
    { next: item(ada, { pendingLosses: { assignees: 900, removal: 1_010 } }), rereadIn: 2_000 },
  ],
  [
    "a second absence that is too early waits",
    item({}, { pendingLosses: { removal: 1_010 } }),
    absence(2_000),
    { rereadIn: 1_010 },
  ],
  [
    "a time in the future does not delay the second absence",
    item({}, { pendingLosses: { removal: 9_000_000 } }),
    absence(),
    { next: item({}, { pendingLosses: { removal: 1_010 } }), rereadIn: 2_000 },
  ],
  [
    "an absence after 2 s leaves a tombstone without blockers and pending losses",
    item(ada, { ...stored, pendingLosses: { removal: 1_010, assignees: 5 } }),
    absence(3_010),
    { next: item(ada, { ...stored, blockers: [], removedAt: 3_020 }) },
  ],
])("%s", (_, before, observation, expected) => {
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
