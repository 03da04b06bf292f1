import { expect, test } from "vitest";
import { trimmed } from "../../../functions/dashboard/trim.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import { descending } from "../../../shared/why/trail.ts";

test("the oldest beyond a number are forgotten, the newest stay", async () => {
  const store = memoryStore({ clock: () => 0 });
  for (let at = 1; at <= 1_500; at += 1)
    await store.commit({ put: [{ key: `why:${descending(at)}`, value: at, sets: ["why"] }] });
  expect(await trimmed(store, "why", 2_000)).toBe(0);
  expect(await trimmed(store, "why", 1_100)).toBe(400);
  const { rows } = await store.scan<number>("why", undefined, 1_000);
  expect([rows[0]?.value, await store.count("why")]).toEqual([1_500, 1_100]);
});
