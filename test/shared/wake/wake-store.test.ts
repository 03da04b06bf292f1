import { expect, test } from "vitest";
import { createMemoryStore } from "../../../shared/store/memory/memory-store.ts";
import { wakeKeys } from "../../../shared/wake/wake-record.ts";
import { readWake } from "../../../shared/wake/wake-store.ts";

const TASK = { id: "i1", key: "ONB-1", reason: "stuck" } as const;
const SENT = { id: "w1", job: "go:Thot:1", at: 5_000, tasks: [TASK] };

/** Stores a record as version 0.2.0 wrote it, and reads it. */
async function readOldWake(old: object) {
  const store = createMemoryStore({ clock: () => 10_000 });
  await store.commit({ put: [{ key: wakeKeys.wake("Thot"), value: { pending: [], told: { i1: 5_000 }, ...old } }] });
  return (await readWake({ store }, "Thot")).wake;
}

test("a wake that version 0.2.0 posted is checked as the wake of its round", async () => {
  expect(await readOldWake({ sent: { ...SENT, state: "posted" }, unheard: 1 })).toEqual({
    pending: [],
    told: { i1: 5_000 },
    sent: { at: 5_000, tasks: [{ ...TASK, at: 5_000 }] },
    round: 2,
    roundAt: 5_000,
    checkAt: 5_000,
  });
});

test("a wake that version 0.2.0 was posting is still under way", async () => {
  expect(await readOldWake({ sent: { ...SENT, state: "posting" } })).toEqual({
    pending: [],
    told: { i1: 5_000 },
    posting: SENT,
  });
});

test("the tasks of a wake that did not arrive under version 0.2.0 are pending again", async () => {
  const other = { id: "i2", key: "ONB-2", reason: "assigned" };
  expect(await readOldWake({ pending: [other], sent: { ...SENT, state: "failed" }, dueAt: 7_000 })).toEqual({
    pending: [TASK, other],
    told: { i1: 5_000 },
    dueAt: 7_000,
  });
});
