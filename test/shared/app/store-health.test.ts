import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createStoreHealth, recordStoreHealth } from "../../../shared/app/health.ts";
import type { Store } from "../../../shared/store/port.ts";

const clock = () => Date.UTC(2026, 0, 5, 8);

/** Operations that write nothing to the store, so that their failure does not show that it cannot be written. */
const READS = [
  "now",
  "read",
  "scan",
  "count",
  "stats",
  "listDeadJobs",
  "countConsumed",
  "listPauses",
  "readCapacity",
  "close",
];
const OPERATIONS = Object.keys(createMemoryStore({ clock }));

/** A store of which every operation fails with `error`, and the write failure that was recorded of it. */
function createFailingStore(error: Error) {
  const failing = Object.fromEntries(OPERATIONS.map((name) => [name, () => Promise.reject(error)]));
  const health = createStoreHealth((text) => text);
  const store = recordStoreHealth(failing as unknown as Store, health);
  const call = (name: string): Promise<unknown> => Reflect.apply(Reflect.get(store, name), store, []);
  return { call, health };
}

test("A failed write of the store is recorded and reported to the caller, and a failed read is no failed write", async () => {
  for (const name of OPERATIONS) {
    const { call, health } = createFailingStore(new Error("database or disk is full"));
    await expect(call(name)).rejects.toThrow("disk is full");
    const failure = { kind: "store_full", reason: "database or disk is full" };
    expect(health.getFailure(), name).toEqual(READS.includes(name) ? undefined : failure);
  }
});

test("Damage that a read finds is recorded at once, and stays until a check of the whole store finds none", async () => {
  const { call, health } = createFailingStore(new Error("The store x is damaged: database disk image is malformed"));
  await expect(call("read")).rejects.toThrow("malformed");
  health.recordProbeSuccess();
  expect(health.getFailure()).toMatchObject({ kind: "store_damaged" });
  health.recordDamage(undefined);
  expect(health.getFailure()).toBeUndefined();
});
