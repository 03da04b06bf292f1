import { expect, test } from "vitest";
import { createSourceLimiter } from "../../../shared/http/source-limiter.ts";

test("A limit per source is reached after its number of requests in a window and reset with the next", () => {
  let now = 0;
  const isOver = createSourceLimiter({ limit: 2, window: 1000, sources: 10, clock: () => now });
  expect([isOver("a"), isOver("a"), isOver("a"), isOver("b")]).toEqual([false, false, true, false]);
  now = 999;
  expect(isOver("a")).toBe(true);
  now = 1000;
  expect(isOver("a")).toBe(false);
});

test("A limit per source remembers a bounded number of sources; a flood of new ones replaces the oldest", () => {
  const isOver = createSourceLimiter({ limit: 1, window: 1000, sources: 3, clock: () => 0 });
  expect([isOver("a"), isOver("a")]).toEqual([false, true]);
  for (const other of ["b", "c"]) isOver(other);
  expect(isOver("a")).toBe(true);
  isOver("d");
  expect(isOver("a")).toBe(false);
});
