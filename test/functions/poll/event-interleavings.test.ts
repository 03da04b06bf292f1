import fc from "fast-check";
import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import type { CommentsRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../../shared/records/store-keys.ts";
import type { Project } from "../../../simulators/plane/types.ts";
import type { TestApp } from "../../support/test-app.ts";
import { createHistoryPlayer, createHistorySetup, type HistorySetup, historyStep } from "./event-history.ts";

const FULL = Boolean(process.env["FULL"]);
const RUNS = FULL ? 200 : 15;

/** Everything is over, Plane's worker is done, and the poll comes by twice. */
async function runUntilQuiet(app: TestApp) {
  app.plane.runWorker();
  app.plane.deliveries.dropAll();
  for (let i = 0; i < 2; i += 1) {
    await pollTick.run(app.deps);
    await app.runUntilIdle();
    app.advance(300_000);
  }
}

async function expectTruth({ app, plane }: HistorySetup, project: Project) {
  const listed = plane.items(project).filter(({ archived_at }) => archived_at === null);
  const { rows } = await app.store.scan(observedSets.items(project.id));
  expect(rows.map(({ key }) => key).sort()).toEqual(listed.map(({ id }) => observedKeys.item(id)).sort());
  for (const item of plane.items(project)) {
    const stored = await app.readItem(item);
    const [comments] = await app.store.read<CommentsRecord>([observedKeys.comments(item.id)]);
    if (item.archived_at !== null) {
      expect(stored === undefined || stored.removedAt !== undefined, `${item.name} is archived`).toBe(true);
      continue;
    }
    expect(stored?.removedAt).toBeUndefined();
    const { name, state, priority } = item;
    expect(stored?.snapshot).toMatchObject({ name, state, priority, assignees: [...item.assignees].sort() });
    const holding = plane.blockers(item).filter((id) => {
      const blocker = plane.item(id);
      const group = blocker && plane.states(blocker.project).find((one) => one.id === blocker.state)?.group;
      return blocker?.archived_at === null && group !== "completed" && group !== "cancelled";
    });
    // The relations of a done item block nothing, so they are read only once it is reopened.
    if (stored?.snapshot.status !== "done")
      expect(stored?.blockers, `blockers of ${item.name}`).toEqual(holding.sort());
    const known = Object.entries(comments?.value.known ?? {}).flatMap(([id, hash]) => (hash === "" ? [] : [id]));
    expect(known.sort()).toEqual(
      plane
        .comments(item)
        .map(({ id }) => id)
        .sort(),
    );
  }
}

function reopenDoneItems({ plane, projects }: HistorySetup) {
  for (const project of projects) {
    const doneStates = plane.states(project).flatMap(({ id, group }) => (group === "completed" ? [id] : []));
    for (const item of plane.items(project))
      if (item.archived_at === null && doneStates.includes(item.state)) plane.editItem(item, { state: "Todo" });
  }
}

/** The state of each item according to the events alone must equal the stored state. */
async function expectBelief(app: TestApp) {
  interface Belief {
    there?: boolean;
    assigned: Map<string, boolean>;
    comments: Set<string>;
  }
  const beliefs = new Map<string, Belief>();
  for (const { event, facts } of app.actions) {
    const id = facts.item?.id;
    if (id === undefined) continue;
    const belief: Belief = beliefs.get(id) ?? { assigned: new Map<string, boolean>(), comments: new Set<string>() };
    beliefs.set(id, belief);
    if (event.kind === "created" || event.kind === "restored") {
      expect(belief.there, `${event.kind} twice`).not.toBe(true);
      belief.there = true;
    }
    if (event.kind === "removed") {
      expect(belief.there, "removed twice").not.toBe(false);
      belief.there = false;
    }
    if (event.kind === "assigned") belief.assigned.set(event.who, true);
    if (event.kind === "unassigned") belief.assigned.set(event.who, false);
    if (event.kind === "comment_added") {
      expect(belief.comments.has(event.comment), "one comment told twice").toBe(false);
      belief.comments.add(event.comment);
    }
  }
  for (const [id, belief] of beliefs) {
    const stored = await app.readItem({ id });
    if (belief.there !== undefined) expect(stored?.removedAt === undefined).toBe(belief.there);
    for (const [who, isAssigned] of belief.assigned)
      expect(stored?.snapshot.assignees.includes(who), `whether ${who} is assigned`).toBe(isAssigned);
  }
}

test("after any history of two projects, with reordered, repeated and lost webhooks and with polls, the stored state equals Plane's", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(historyStep, { minLength: 10, maxLength: 60, size: "max" }), async (steps) => {
      const begun = await createHistorySetup();
      const { app, plane, projects } = begun;
      try {
        const history = createHistoryPlayer(begun);
        for (const one of steps) await history.step(one);
        history.finish();
        for (const project of projects) plane.restoreProject(project);
        await runUntilQuiet(app);
        for (const project of projects) await expectTruth(begun, project);
        await expectBelief(app);
        const jobs = app.actions.map(({ job }) => job);
        expect(new Set(jobs).size).toBe(jobs.length);
        expect((await app.store.stats()).queues.inbox.dead).toBe(0);
        const actionCount = app.actions.length;
        await runUntilQuiet(app);
        expect(app.actions.slice(actionCount)).toEqual([]);
        reopenDoneItems(begun);
        await runUntilQuiet(app);
        for (const project of projects) await expectTruth(begun, project);
      } finally {
        await plane.stop();
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
