import fc from "fast-check";
import { expect, test } from "vitest";
import type { Status } from "../../../shared/task/snapshot.ts";
import { createSingleItemModel, ITEM_ACTS, type ItemStep } from "./single-item-model.ts";

const RUNS = process.env["FULL"] ? 50_000 : 500;

const step: fc.Arbitrary<ItemStep> = fc.record({
  do: fc.constantFrom(...ITEM_ACTS),
  name: fc.constantFrom("One", "Two"),
  status: fc.constantFrom<Status>("todo", "in_progress", "blocked", "done", "cancelled"),
  people: fc.subarray(["ada", "thot", "imhotep"]),
  which: fc.nat({ max: 5 }),
  again: fc.boolean(),
  ms: fc.constantFrom(0, 1, 700, 2_000, 300_000),
});
const everything = fc.array(step, { maxLength: 40, size: "max" });

test("after any interleaving of edits, webhooks (lost, repeated, late, in any order) and reads, the next read leads to Plane's state, and no event describes one that never existed", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = createSingleItemModel();
      for (const step of steps) item.step(step);
      item.finishAll();
      item.readOnce();
      item.runRequestedReads();
      expect(item.getObserved()).toEqual(item.getTruth());
      expect(item.getPendingLosses()).toBeUndefined();
      expect(new Set(item.actions).size).toBe(item.actions.length);
      // Two edits of people may be seen as one.
      if (steps.filter((step) => step.do === "begin assigning").length > 1) return;
      for (const event of item.events) {
        if (event.kind === "assigned") expect(item.was).toContain(`with ${event.who}`);
        if (event.kind === "unassigned") expect(item.was).toContain(`without ${event.who}`);
        if (event.kind === "renamed") expect(item.was).toContain(event.from);
        if (event.kind === "completed") expect(item.was).toContain("done");
        if (event.kind === "cancelled") expect(item.was).toContain("cancelled");
        if (event.kind === "removed") expect(item.was.has("archived") || item.was.has("deleted")).toBe(true);
      }
    }),
    { numRuns: RUNS },
  );
});
