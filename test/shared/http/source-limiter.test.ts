import { expect, test } from "vitest";
import { createSourceLimiter } from "../../../shared/http/limits.ts";

test("A limit per source is reached after its number of requests in a window and reset with the next", () => {
  let now = 0;
  const { count, isExhausted } = createSourceLimiter({ limit: 2, window: 1000, sources: 10, clock: () => now });
  expect([count("a"), count("a"), count("a"), count("b")]).toEqual([false, false, true, false]);
  expect([isExhausted("a"), isExhausted("b"), isExhausted("c")]).toEqual([true, false, false]);
  now = 999;
  expect(count("a")).toBe(true);
  now = 1000;
  expect(count("a")).toBe(false);
});

test("A limit per source remembers a bounded number of sources; a flood of new ones replaces the oldest", () => {
  const { count } = createSourceLimiter({ limit: 1, window: 1000, sources: 3, clock: () => 0 });
  expect([count("a"), count("a")]).toEqual([false, true]);
  for (const other of ["b", "c"]) count(other);
  expect(count("a")).toBe(true);
  count("d");
  expect(count("a")).toBe(false);
});

test("A limit per source (reliability 9) is reset when the clock is set back, instead of lasting until it has caught up", () => {
  let now = 3_600_000;
  const { count, isExhausted } = createSourceLimiter({ limit: 1, window: 1000, sources: 10, clock: () => now });
  expect([count("a"), count("a"), isExhausted("a")]).toEqual([false, true, true]);
  now = 0;
  expect(isExhausted("a")).toBe(false);
  expect([count("a"), count("a")]).toEqual([false, true]);
});
