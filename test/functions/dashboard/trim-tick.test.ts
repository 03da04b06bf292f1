import { expect, test } from "vitest";
import { trimSet } from "../../../functions/maintenance-ticks.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { toDescendingKey } from "../../../shared/store/records.ts";

test("trimming a set deletes its oldest rows beyond the limit", async () => {
  const store = createMemoryStore({ clock: () => 0 });
  for (let at = 1; at <= 1_500; at += 1)
    await store.commit({ put: [{ key: `decision:${toDescendingKey(at)}`, value: at, sets: ["decisions"] }] });
  expect(await trimSet(store, "decisions", 2_000)).toBe(0);
  expect(await trimSet(store, "decisions", 1_100)).toBe(400);
  const { rows } = await store.scan<number>("decisions", undefined, 1_000);
  expect([rows[0]?.value, await store.count("decisions")]).toEqual([1_500, 1_100]);
});
