import fc from "fast-check";
import { expect, test } from "vitest";
import { sameSnapshot } from "../../../shared/task/accept.ts";
import type { TaskEvent } from "../../../shared/task/events.ts";
import type { Word } from "../../../shared/task/snapshot.ts";
import { createOneItem, type Step } from "./one-item.ts";

const RUNS = process.env["FULL"] ? 50_000 : 3_000;

const people = fc.subarray(["ada", "thot", "imhotep"]);
const word = fc.constantFrom<Word>("todo", "in_progress", "blocked", "done", "cancelled");
const which = fc.nat({ max: 5 });
const edits: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant("rename" as const), to: fc.constantFrom("One", "Two") }),
  fc.record({ do: fc.constant("turn" as const), to: word }),
  fc.record({ do: fc.constant("begin assigning" as const), to: people }),
  fc.record({ do: fc.constant("finish assigning" as const) }),
  fc.record({ do: fc.constant("worker touches" as const) }),
];
const places: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("archive" as const, "restore", "restore", "delete"),
});
const webhooks: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant("worker writes" as const) }),
  fc.record({ do: fc.constant("deliver" as const), which, again: fc.boolean() }),
];
const reads: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant("read begins" as const) }),
  fc.record({ do: fc.constantFrom("plane answers" as const, "read ends"), which }),
  fc.record({ do: fc.constant("other commit" as const) }),
];
const time: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("time" as const),
  ms: fc.constantFrom(0, 1, 700, 2_000, 300_000),
});
const history = (...of: fc.Arbitrary<Step>[]) => fc.array(fc.oneof(...of), { maxLength: 40, size: "max" });
const everything = history(...edits, places, ...webhooks, ...webhooks, ...reads, ...reads, time, time);

function play(steps: Step[]) {
  const item = createOneItem();
  for (const step of steps) item.step(step);
  item.quiet();
  return item;
}

/** What somebody who heard only the events would believe. */
function told(events: TaskEvent[]) {
  const belief = { there: false, assignees: new Set<string>(), open: true };
  for (const event of events) {
    switch (event.kind) {
      case "created":
      case "restored":
        expect(belief.there, `${event.kind} twice`).toBe(false);
        belief.there = true;
        break;
      case "removed":
        expect(belief.there, "removed twice").toBe(true);
        belief.there = false;
        break;
      case "assigned":
        expect(belief.assignees.has(event.who), `assigned ${event.who} twice`).toBe(false);
        belief.assignees.add(event.who);
        break;
      case "unassigned":
        expect(belief.assignees.delete(event.who), `unassigned ${event.who} twice`).toBe(true);
        break;
      case "completed":
      case "cancelled":
        belief.open = false;
        break;
      case "reopened":
        expect(belief.open, "reopened while open").toBe(false);
        belief.open = true;
        break;
    }
  }
  return belief;
}

test("any interleaving of edits, webhooks (lost, doubled, late, in any order) and reads ends, with the next read, in what Plane shows", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = play(steps);
      item.pass();
      item.honour();
      const { truth, seen } = item;
      expect(seen).toEqual(truth);
      expect(item.keptItem?.doubt).toBeUndefined();
      expect(new Set(item.actions).size).toBe(item.actions.length);
    }),
    { numRuns: RUNS },
  );
});

test("who hears only the events believes what is so, and hears nothing twice", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = play(steps);
      item.pass();
      item.honour();
      const belief = told(item.events);
      const { truth, keptItem } = item;
      if (!keptItem) return;
      expect(belief.there).toBe(truth !== undefined);
      expect([...belief.assignees].sort()).toEqual(keptItem.snapshot.assignees);
      expect(belief.open).toBe(!["done", "cancelled"].includes(keptItem.snapshot.word));
    }),
    { numRuns: RUNS },
  );
});

test("nothing is told that never was so, also when somebody looks in the middle of an edit", () => {
  const oneTornEdit = everything.filter((steps) => steps.filter((step) => step.do === "begin assigning").length <= 1);
  fc.assert(
    fc.property(oneTornEdit, (steps) => {
      const item = play(steps);
      item.pass();
      item.honour();
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

test("without any read of our own, all webhooks in any order end in what Plane shows, once the reads they ask for are made", () => {
  // The worker writes after each edit; what is archived or deleted sends nothing and is left out.
  fc.assert(
    fc.property(history(...edits, ...webhooks, time), fc.nat(), (steps, seed) => {
      const item = createOneItem();
      for (const step of steps) item.step(step);
      item.step({ do: "finish assigning" });
      item.step({ do: "worker writes" });
      for (let i = 0; i < steps.length; i += 1) item.step({ do: "deliver", which: seed + i * 7, again: false });
      item.deliverAll();
      item.honour();
      expect(item.seen).toEqual(item.truth);
    }),
    { numRuns: RUNS },
  );
});

test("once an item is known and Plane is quiet, webhooks that come late tell nothing more", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = play(steps);
      item.pass();
      item.honour();
      fc.pre(item.keptItem !== undefined);
      const heard = item.events.length;
      item.deliverAll();
      expect(item.honour()).toBeLessThanOrEqual(1);
      item.pass();
      expect(item.honour()).toBe(0);
      expect(item.events.slice(heard)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

test("a history that no webhook told ends, with two passes, in the same place", () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const item = play(steps.filter((step) => step.do !== "deliver" && !step.do.startsWith("read")));
      item.pass();
      item.step({ do: "time", ms: 2_001 });
      item.pass();
      const { truth, seen } = item;
      if (truth && seen) expect(sameSnapshot(seen, truth)).toBe(true);
      else expect(seen).toEqual(truth);
    }),
    { numRuns: RUNS },
  );
});
