import fc from "fast-check";
import { expect, test } from "vitest";
import type { Status } from "../../../shared/task/snapshot.ts";
import { createSingleItemModel, type ItemStep } from "./single-item-model.ts";

const RUNS = process.env["FULL"] ? 50_000 : 1_000;

const people = fc.subarray(["ada", "thot", "imhotep"]);
const status = fc.constantFrom<Status>("todo", "in_progress", "blocked", "done", "cancelled");
const which = fc.nat({ max: 5 });
const edits: fc.Arbitrary<ItemStep>[] = [
  fc.record({ do: fc.constant("rename" as const), to: fc.constantFrom("One", "Two") }),
  fc.record({ do: fc.constant("turn" as const), to: status }),
  fc.record({ do: fc.constant("begin assigning" as const), to: people }),
  fc.record({ do: fc.constant("finish assigning" as const) }),
  fc.record({ do: fc.constant("worker touches" as const) }),
];
const places: fc.Arbitrary<ItemStep> = fc.record({
  do: fc.constantFrom("archive" as const, "restore", "restore", "delete"),
});
const webhooks: fc.Arbitrary<ItemStep>[] = [
  fc.record({ do: fc.constant("worker writes" as const) }),
  fc.record({ do: fc.constant("deliver" as const), which, again: fc.boolean() }),
];
const reads: fc.Arbitrary<ItemStep>[] = [
  fc.record({ do: fc.constant("read begins" as const) }),
  fc.record({ do: fc.constantFrom("plane answers" as const, "read ends"), which }),
  fc.record({ do: fc.constant("other commit" as const) }),
];
const time: fc.Arbitrary<ItemStep> = fc.record({
  do: fc.constant("time" as const),
  ms: fc.constantFrom(0, 1, 700, 2_000, 300_000),
});
const createHistory = (...of: fc.Arbitrary<ItemStep>[]) => fc.array(fc.oneof(...of), { maxLength: 40, size: "max" });
const everything = createHistory(...edits, places, ...webhooks, ...webhooks, ...reads, ...reads, time, time);

function playSteps(steps: ItemStep[]) {
  const item = createSingleItemModel();
  for (const step of steps) item.step(step);
  item.finishAll();
  return item;
}

test("after any interleaving of edits, webhooks (lost, repeated, late, in any order) and reads, the next read leads to Plane's state", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = playSteps(steps);
      item.readOnce();
      item.runRequestedReads();
      const { truth, observed } = item;
      expect(observed).toEqual(truth);
      expect(item.keptItem?.pendingLosses).toBeUndefined();
      expect(new Set(item.actions).size).toBe(item.actions.length);
    }),
    { numRuns: RUNS },
  );
});

test("no event describes a state that never existed, even with reads in the middle of an edit", () => {
  const oneTornEdit = everything.filter((steps) => steps.filter((step) => step.do === "begin assigning").length <= 1);
  fc.assert(
    fc.property(oneTornEdit, (steps) => {
      const item = playSteps(steps);
      item.readOnce();
      item.runRequestedReads();
      for (const event of item.events) {
        if (event.kind === "assigned") expect(item.was.assigned).toContain(event.who);
        if (event.kind === "unassigned") expect(item.was.free).toContain(event.who);
        if (event.kind === "renamed") expect(item.was.names).toContain(event.from);
        if (event.kind === "completed") expect(item.was.words).toContain("done");
        if (event.kind === "cancelled") expect(item.was.words).toContain("cancelled");
        if (event.kind === "removed") expect(item.wasUnlisted).toBe(true);
      }
    }),
    { numRuns: RUNS },
  );
});

test("all webhooks in any order lead to Plane's state with only the reads that they request", () => {
  // The worker writes after each edit; archiving and deletion send no webhook and are left out.
  fc.assert(
    fc.property(createHistory(...edits, ...webhooks, time), fc.nat(), (steps, seed) => {
      const item = createSingleItemModel();
      for (const step of steps) item.step(step);
      item.step({ do: "finish assigning" });
      item.step({ do: "worker writes" });
      for (let i = 0; i < steps.length; i += 1) item.step({ do: "deliver", which: seed + i * 7, again: false });
      item.deliverAll();
      item.runRequestedReads();
      expect(item.observed).toEqual(item.truth);
    }),
    { numRuns: RUNS },
  );
});
