import fc from "fast-check";
import { expect, test } from "vitest";
import { diff, type TaskEvent, toEventId } from "../../../shared/task/events.ts";
import { type MergeResult, mergeObservation, type Observation } from "../../../shared/task/merge-observation.ts";
import type { ItemRecord, Snapshot, Status } from "../../../shared/task/snapshot.ts";
import { createSnapshot } from "./sample-items.ts";

/** `worker touches`: Plane's worker moves `updated_at`; `worker writes`: a webhook's body; `other commit`: details. */
const ITEM_ACTS = [
  ...(["rename", "turn", "begin assigning", "finish assigning", "worker touches"] as const),
  ...(["archive", "restore", "delete", "worker writes", "deliver", "deliver"] as const),
  ...(["read begins", "plane answers", "read ends", "other commit", "time", "time"] as const),
];

/** What happens to one work item, to the webhooks about it, and to those who read it. Numbers choose among what there is. */
interface ItemStep {
  do: (typeof ITEM_ACTS)[number];
  name: string;
  status: Status;
  people: string[];
  which: number;
  again: boolean;
  ms: number;
}

/** An edit deletes the assignees and inserts them a moment later; it never takes as long as two reads are apart. */
const LONGEST_EDIT_MS = 1_500;

interface PendingRead {
  since: number;
  began: number;
  answer?: { listed: boolean; shown: Snapshot };
}

/** One item of a Plane and one bridge that observes it by `accept` and `diff`. */
function createSingleItemModel() {
  let now = 1_000;
  let micros = 0;
  const stamp = () => {
    micros += 1;
    return `2026-11-21T08:00:00.${String(micros).padStart(6, "0")}Z`;
  };
  let truth: Snapshot = createSnapshot({ createdAt: stamp(), updatedAt: stamp(), assignees: ["ada"] });
  let place: "listed" | "archived" | "deleted" = "listed";
  let assigning: { to: string[]; until: number } | undefined;
  const bodies: Snapshot[] = [];
  const reads: PendingRead[] = [];
  let stored: ItemRecord | undefined;
  let rev = 0;
  let rereadAt: number | undefined;
  const actions: string[] = [];
  const events: TaskEvent[] = [];
  /** Everything that was ever true, leaving out the moment within an edit. */
  const was = new Set<string>();
  function remember() {
    was.add(truth.status).add(truth.name).add(place);
    for (const who of ["ada", "thot", "imhotep"])
      was.add(`${truth.assignees.includes(who) ? "with" : "without"} ${who}`);
  }
  const readTruth = (): Snapshot => ({ ...truth, assignees: assigning ? [] : truth.assignees });

  function observe(seen: Observation) {
    const verdict: MergeResult = mergeObservation(stored, rev, seen);
    if (verdict.rereadIn !== undefined) rereadAt = Math.max(rereadAt ?? 0, now + verdict.rereadIn);
    if (!verdict.next) return;
    const found = diff(stored, verdict.next);
    for (const event of found) actions.push(`${rev}:${toEventId(event)}`);
    events.push(...found);
    stored = verdict.next;
    rev += 1;
  }
  function endRead(read: PendingRead) {
    const { since, began } = read;
    const answer = read.answer ?? { listed: place === "listed", shown: readTruth() };
    const times = { since, began, ended: now };
    observe(answer.listed ? { via: "read", snapshot: answer.shown, ...times } : { via: "absence", ...times });
  }
  function finishEdit() {
    if (!assigning) return;
    truth = { ...truth, assignees: assigning.to, updatedAt: stamp() };
    assigning = undefined;
    remember();
  }
  function edit(change: Partial<Snapshot>) {
    if (place !== "listed") return;
    finishEdit();
    truth = { ...truth, ...change, updatedAt: stamp() };
    remember();
  }
  const pickFrom = <T>(among: T[], which: number): T | undefined => among[which % Math.max(1, among.length)];
  remember();

  const one = {
    step(step: ItemStep) {
      switch (step.do) {
        case "rename":
          return edit({ name: step.name });
        case "turn":
          return edit({ status: step.status, state: step.status });
        case "begin assigning":
          if (place === "listed") assigning ??= { to: [...step.people].sort(), until: now + LONGEST_EDIT_MS };
          return;
        case "finish assigning":
          return finishEdit();
        case "archive":
        case "delete":
        case "restore": {
          finishEdit();
          if (place === "deleted" || (step.do === "restore") === (place === "listed")) return;
          place = step.do === "archive" ? "archived" : step.do === "delete" ? "deleted" : "listed";
          truth = { ...truth, updatedAt: stamp() };
          return remember();
        }
        case "worker touches":
          if (!assigning) truth = { ...truth, updatedAt: stamp() };
          return;
        case "worker writes":
          if (place === "listed") bodies.push(readTruth());
          return;
        case "deliver": {
          const body = pickFrom(bodies, step.which);
          if (!body) return;
          observe({ via: "webhook", snapshot: body, covered: "" });
          if (!step.again) bodies.splice(bodies.indexOf(body), 1);
          return;
        }
        case "read begins":
          reads.push({ since: rev, began: now });
          return;
        case "plane answers": {
          const read = pickFrom(reads, step.which);
          if (read) read.answer ??= { listed: place === "listed", shown: readTruth() };
          return;
        }
        case "read ends": {
          const read = pickFrom(reads, step.which);
          if (!read) return;
          reads.splice(reads.indexOf(read), 1);
          return endRead(read);
        }
        case "other commit":
          if (stored) rev += 1;
          return;
        case "time":
          if (assigning && now + step.ms > assigning.until) finishEdit();
          now += step.ms;
      }
    },
    /** Plane is quiet: edits are over, those who read are answered. */
    finishAll() {
      finishEdit();
      for (const read of reads.splice(0)) endRead(read);
    },
    /** A pass of the poll: one read. */
    readOnce() {
      endRead({ since: rev, began: now });
    },
    /** Performs all requested reads and those that they request. */
    runRequestedReads() {
      for (let reads = 0; rereadAt !== undefined; reads += 1) {
        if (reads > 10) throw new Error("reads ask for reads without end");
        now = Math.max(now, rereadAt);
        rereadAt = undefined;
        one.readOnce();
      }
    },
    getTruth: () => (place === "listed" ? truth : undefined),
    getObserved: () => (stored?.removedAt === undefined ? stored?.snapshot : undefined),
    getPendingLosses: () => stored?.pendingLosses,
    actions,
    events,
    was,
  };
  return one;
}

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
    { numRuns: process.env["FULL"] ? 50_000 : 500 },
  );
});
