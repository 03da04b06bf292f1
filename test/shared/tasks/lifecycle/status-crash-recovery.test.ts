import { describe, expect, test } from "vitest";
import { createTaskOperations } from "../../../../functions/agent/tool.ts";
import { createWorkRules } from "../../../../functions/work.ts";
import { findClaim, findStatusAttempt } from "../../../../shared/records/task-records.ts";
import type { StatusChange } from "../../../../shared/tasks/lifecycle/status-attempts.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAfterChange } from "../../../support/crash-after-change.ts";

/** A change of status, with the changes before it and its author. */
interface Flow {
  name: string;
  before: StatusChange[];
  change: StatusChange;
  by: string;
}

const START: StatusChange = { status: "in_progress", session: "openclaw-session-1" };
const DONE_UNSURE: StatusChange = { status: "done", text: "Hm.", confidence: 0.4 };
const FLOWS: Flow[] = [
  { name: "starting", before: [], change: START, by: "Imhotep" },
  { name: "finishing", before: [START], change: { status: "done", text: "Ready.", cost: 2 }, by: "Imhotep" },
  {
    name: "asking for a review",
    before: [START],
    change: DONE_UNSURE,
    by: "Imhotep",
  },
  { name: "blocking", before: [START], change: { status: "blocked", text: "Which?" }, by: "Imhotep" },
  {
    name: "continuing",
    before: [START, { status: "blocked", text: "Which?" }],
    change: { status: "in_progress", text: "This one." },
    by: "Imhotep",
  },
  { name: "approving", before: [START, DONE_UNSURE], change: { status: "done" }, by: "Ada" },
  { name: "sending back", before: [START, DONE_UNSURE], change: { status: "todo", text: "No." }, by: "Ada" },
  { name: "moving another agent's task", before: [START], change: { status: "cancelled", text: "No." }, by: "Ada" },
];

/** Limit of changes, higher than any flow makes. */
const MAX_CHANGES = 60;

async function createStatusApp(): Promise<AgentTestApp> {
  return createAgentTestApp({ parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] } });
}

/** The state that people and agents can see, without the names of one task. */
async function readVisibleState(app: AgentTestApp, item: { id: string; sequence_id: number }) {
  const { state, labels } = app.readPlaneItem(item);
  const comments = app.readComments(item).filter((comment) => !comment.includes("Agent card"));
  const claim = await findClaim(app.deps, item.id);
  const attempt = await findStatusAttempt(app.deps, item.id);
  const stored = await app.readItem(item);
  const events = app.actions.filter(({ facts }) => facts.item?.id === item.id).map(({ event }) => event.kind);
  return {
    state,
    labels: labels.sort(),
    status: stored?.snapshot.status,
    review: stored?.review,
    comments: comments.sort(),
    events: events.sort(),
    holder: claim?.agent,
    over: attempt?.isComplete,
    finished: await readFinished(app, item),
  };
}

async function readFinished(app: AgentTestApp, item: { id: string }) {
  const [stored] = await app.store.read<{ agent: string; cost?: number }>([`finished:${item.id}`]);
  return stored && { agent: stored.value.agent, cost: stored.value.cost };
}

describe.each(FLOWS)("$name", ({ before, change, by }) => {
  // Every other time the remaining jobs run before the call is repeated; with FULL, both happen at each change.
  test.each(["even", "odd"].slice(0, pickSize(2, 1)))(
    "that is killed after any change and repeated ends the same, with one comment (jobs first: %s)",
    async (jobsFirst) => {
      const app = await createStatusApp();
      const items = Array.from({ length: MAX_CHANGES }, (_, i) => app.addTask(`Task ${i}`, "Imhotep"));
      await app.runFirstPoll();
      const [first, ...rest] = items;
      if (!first) throw new Error("no items");
      const prepare = async (item: { id: string }) => {
        for (const earlier of before) await app.actAs("Imhotep").setStatus(item.id, earlier);
        await app.runUntilIdle();
      };
      await prepare(first);
      await app.actAs(by).setStatus(first.id, change);
      await app.runUntilIdle();
      const expected = await readVisibleState(app, first);

      let kills = 0;
      for (const [i, item] of rest.entries()) {
        await prepare(item);
        const process = crashAfterChange(app.deps, i + 1);
        const came = await process.orCrash(
          createTaskOperations(process.deps, app.getCaller(by)).setStatus(item.id, change),
        );
        if (came !== "over") break;
        kills += 1;
        if ((i % 2 === 0) === (jobsFirst === "even")) await app.runUntilIdle();
        await app.actAs(by).setStatus(item.id, change);
        await app.runUntilIdle();
        expect(await readVisibleState(app, item), `killed after change ${i + 1}`).toEqual(expected);
      }
      expect(kills).toBeGreaterThan(4);
      expect(kills).toBeLessThan(MAX_CHANGES - 1);
    },
  );
});
