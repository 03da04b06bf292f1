import { describe, expect, test } from "vitest";
import { workRules } from "../../../functions/work/rules.ts";
import { attemptOf } from "../../../shared/work/attempt.ts";
import { claimOf } from "../../../shared/work/claims.ts";
import type { StatusChange } from "../../../shared/work/status.ts";
import { workFor } from "../../../shared/work/work.ts";
import { sized } from "../../reliability/random.ts";
import { createWorkCrew, type WorkCrew } from "../../work-crew.ts";
import { dyingAfter } from "./dying.ts";

/** A change of status, from where it is made, and by whom. */
interface Flow {
  name: string;
  before: StatusChange[];
  change: StatusChange;
  by: string;
}

const START: StatusChange = { status: "in_progress", session: "openclaw-session-1" };
const DOUBT: StatusChange = { status: "done", text: "Hm.", confidence: 0.4 };
const FLOWS: Flow[] = [
  { name: "starting", before: [], change: START, by: "Imhotep" },
  { name: "finishing", before: [START], change: { status: "done", text: "Ready.", cost: 2 }, by: "Imhotep" },
  {
    name: "asking for a review",
    before: [START],
    change: DOUBT,
    by: "Imhotep",
  },
  { name: "blocking", before: [START], change: { status: "blocked", text: "Which?" }, by: "Imhotep" },
  {
    name: "going on",
    before: [START, { status: "blocked", text: "Which?" }],
    change: { status: "in_progress", text: "This one." },
    by: "Imhotep",
  },
  { name: "approving", before: [START, DOUBT], change: { status: "done" }, by: "Ada" },
  { name: "sending back", before: [START, DOUBT], change: { status: "todo", text: "No." }, by: "Ada" },
  { name: "moving what is another's", before: [START], change: { status: "cancelled", text: "No." }, by: "Ada" },
];

/** More changes than any of them makes. */
const MOST = 60;

async function crewOf(): Promise<WorkCrew> {
  return createWorkCrew({ parts: { consumers: ({ agents }) => [workRules(agents)] } });
}

/** What people and agents would see a difference in, without what names one task. */
async function seen(crew: WorkCrew, item: { id: string; sequence_id: number }) {
  const { state, labels } = crew.inPlane(item);
  const comments = crew.comments(item).filter((comment) => !comment.includes("Agent card"));
  const claim = await claimOf(crew.deps, item.id);
  const attempt = await attemptOf(crew.deps, item.id);
  const kept = await crew.kept(item);
  const events = crew.actions.filter(({ facts }) => facts.item?.id === item.id).map(({ event }) => event.kind);
  return {
    ...{
      state,
      labels: labels.sort(),
      word: kept?.snapshot.word,
      review: kept?.review,
      comments: comments.sort(),
      events: events.sort(),
    },
    ...{ holder: claim?.agent, over: attempt?.over, finished: await finishedOf(crew, item) },
  };
}

async function finishedOf(crew: WorkCrew, item: { id: string }) {
  const [kept] = await crew.store.read<{ agent: string; cost?: number }>([`finished:${item.id}`]);
  return kept && { agent: kept.value.agent, cost: kept.value.cost };
}

describe.each(FLOWS)("$name", ({ before, change, by }) => {
  // Every other time the jobs it left are worked before the same call comes again; in full, both at each change.
  test.each(["even", "odd"].slice(0, sized(2, 1)))(
    "killed after any change it makes and called again, it ends the same, with one comment (jobs first: %s)",
    async (jobsFirst) => {
      const crew = await crewOf();
      const items = Array.from({ length: MOST }, (_, i) => crew.task(`Task ${i}`, "Imhotep"));
      await crew.begin();
      const [first, ...rest] = items;
      if (!first) throw new Error("no items");
      const prepare = async (item: { id: string }) => {
        for (const earlier of before) await crew.work("Imhotep").setStatus(item.id, earlier);
        await crew.settle();
      };
      await prepare(first);
      await crew.work(by).setStatus(first.id, change);
      await crew.settle();
      const expected = await seen(crew, first);

      let kills = 0;
      for (const [i, item] of rest.entries()) {
        await prepare(item);
        const process = dyingAfter(crew.deps, i + 1);
        const came = await process.live(workFor(process.deps, crew.caller(by)).setStatus(item.id, change));
        if (came !== "over") break;
        kills += 1;
        if ((i % 2 === 0) === (jobsFirst === "even")) await crew.settle();
        await crew.work(by).setStatus(item.id, change);
        await crew.settle();
        expect(await seen(crew, item), `killed after change ${i + 1}`).toEqual(expected);
      }
      expect(kills).toBeGreaterThan(4);
      expect(kills).toBeLessThan(MOST - 1);
    },
  );
});
