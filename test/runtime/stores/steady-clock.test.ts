import { afterEach, expect, test, vi } from "vitest";
import { createSteadyClock } from "../../../runtime/stores/open-store.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("REL-9 the clock of the embedded file starts with the wall clock and does not follow its corrections", async () => {
  const clock = createSteadyClock();
  const before = clock();
  expect(Math.abs(before - Date.now())).toBeLessThan(1000);
  for (const hours of [-1, 1]) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
    expect(clock() - before).toBeGreaterThanOrEqual(0);
    expect(clock() - before).toBeLessThan(10_000);
    vi.useRealTimers();
  }
});

test("the clock of the embedded file advances", async () => {
  const clock = createSteadyClock();
  const before = clock();
  await vi.waitFor(() => expect(clock()).toBeGreaterThan(before), { timeout: 30_000, interval: 5 });
});
