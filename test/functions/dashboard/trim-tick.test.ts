import { expect, test } from "vitest";
import { trimSet } from "../../../functions/dashboard/trim-tick.ts";
import { toDescendingKey } from "../../../shared/store/descending-key.ts";
import { createMemoryStore } from "../../../shared/store/memory/memory-store.ts";

test("trimming a set deletes its oldest rows beyond the limit", async () => {
  const store = createMemoryStore({ clock: () => 0 });
  for (let at = 1; at <= 1_500; at += 1)
    await store.commit({ put: [{ key: `why:${toDescendingKey(at)}`, value: at, sets: ["why"] }] });
  expect(await trimSet(store, "why", 2_000)).toBe(0);
  expect(await trimSet(store, "why", 1_100)).toBe(400);
  const { rows } = await store.scan<number>("why", undefined, 1_000);
  expect([rows[0]?.value, await store.count("why")]).toEqual([1_500, 1_100]);
});
