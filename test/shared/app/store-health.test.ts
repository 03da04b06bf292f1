import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createStoreHealth, recordStoreHealth } from "../../../shared/app/health.ts";
import { createLog } from "../../../shared/log.ts";
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
  const health = createStoreHealth(createLog({ level: "error", write: () => {}, clock }));
  const store = recordStoreHealth(failing as unknown as Store, health);
  const call = (name: string): Promise<unknown> => Reflect.apply(Reflect.get(store, name), store, []);
  return { call, health };
}

test.each(OPERATIONS.filter((name) => !READS.includes(name)))(
  "A failed write of the store is recorded and reported to the caller: %s",
  async (name) => {
    const { call, health } = createFailingStore(new Error("disk full"));
    await expect(call(name)).rejects.toThrow("disk full");
    expect(health.getWriteFailure()).toBe("disk full");
  },
);

test.each(READS)("A failed read does not count as a failed write of the store: %s", async (name) => {
  const { call, health } = createFailingStore(new Error("interrupted"));
  await expect(call(name)).rejects.toThrow("interrupted");
  expect(health.getWriteFailure()).toBeUndefined();
});

test("A write with invalid input does not count as a failure of the store", async () => {
  const { call, health } = createFailingStore(new TypeError("a store key must be printable"));
  await expect(call("commit")).rejects.toThrow("printable");
  expect(health.getWriteFailure()).toBeUndefined();
});
