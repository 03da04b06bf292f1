import { diff, type TaskEvent, toEventId } from "../../../shared/task/events.ts";
import { type MergeResult, mergeObservation, type Observation } from "../../../shared/task/merge-observation.ts";
import type { ItemRecord, Snapshot, Status } from "../../../shared/task/snapshot.ts";
import { createSnapshot } from "./sample-items.ts";

/** What happens to one work item, to the webhooks about it, and to those who read it. Numbers choose among what there is. */
export type ItemStep =
  | { do: "rename"; to: string }
  | { do: "turn"; to: Status }
  | { do: "begin assigning"; to: string[] }
  | { do: "finish assigning" }
  | { do: "archive" | "restore" | "delete" }
  /** Plane's worker moves `updated_at` once more. */
  | { do: "worker touches" }
  /** Plane's worker writes a webhook's body: the item as it is now. */
  | { do: "worker writes" }
  | { do: "deliver"; which: number; again: boolean }
  | { do: "read begins" }
  | { do: "plane answers" | "read ends"; which: number }
  /** Stores other data of the item: details were read, or a blocker was counted. */
  | { do: "other commit" }
  | { do: "time"; ms: number };

/** An edit deletes the assignees and inserts them a moment later; it never takes as long as two reads are apart. */
const LONGEST_EDIT_MS = 1_500;

interface PendingRead {
  since: number;
  began: number;
  answer?: { listed: boolean; shown: Snapshot };
}

/** One item of a Plane and one bridge that observes it by `accept` and `diff`. */
export function createSingleItemModel() {
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
  const was = {
    names: new Set<string>(),
    words: new Set<Status>(),
    assigned: new Set<string>(),
    free: new Set<string>(),
  };
  let unlisted = false;
  const people = ["ada", "thot", "imhotep"];

  /** Remembers everything that was ever true, leaving out the moment within an edit. */
  function remember() {
    was.words.add(truth.status);
    was.names.add(truth.name);
    for (const who of people) (truth.assignees.includes(who) ? was.assigned : was.free).add(who);
    if (place !== "listed") unlisted = true;
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
          return edit({ name: step.to });
        case "turn":
          return edit({ status: step.to, state: step.to });
        case "begin assigning":
          if (place !== "listed" || assigning) return;
          assigning = { to: [...step.to].sort(), until: now + LONGEST_EDIT_MS };
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
          if (read && !read.answer) read.answer = { listed: place === "listed", shown: readTruth() };
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
    deliverAll() {
      for (const body of bodies.splice(0)) observe({ via: "webhook", snapshot: body, covered: "" });
    },
    /** A pass of the poll: one read. */
    readOnce() {
      endRead({ since: rev, began: now });
    },
    /** Performs all requested reads and those that they request. Returns their number. */
    runRequestedReads(): number {
      let readCount = 0;
      while (rereadAt !== undefined) {
        now = Math.max(now, rereadAt);
        rereadAt = undefined;
        one.readOnce();
        readCount += 1;
        if (readCount > 10) throw new Error("reads ask for reads without end");
      }
      return readCount;
    },
    get truth() {
      return place === "listed" ? truth : undefined;
    },
    get observed() {
      return stored && stored.removedAt === undefined ? stored.snapshot : undefined;
    },
    get keptItem() {
      return stored;
    },
    actions,
    events,
    was,
    get wasUnlisted() {
      return unlisted;
    },
  };
  return one;
}
