import fc from "fast-check";
import { expect, test } from "vitest";
import type { Project } from "../../../demo/plane/types.ts";
import { poll } from "../../../functions/poll/project-pass.ts";
import type { KeptComments } from "../../../shared/observe/kept.ts";
import { keys, sets } from "../../../shared/observe/keys.ts";
import type { Crew } from "../../crew.ts";
import { type Begun, begin, play, step } from "./history.ts";

const FULL = Boolean(process.env["FULL"]);
const RUNS = FULL ? 200 : 30;

/** Everything is over, Plane's worker is done, and the poll comes by twice. */
async function quiet(crew: Crew) {
  crew.plane.settle();
  crew.plane.deliveries.dropAll();
  for (let i = 0; i < 2; i += 1) {
    await poll.run(crew.deps);
    await crew.settle();
    crew.pass(300_000);
  }
}

async function expectTruth({ crew, plane }: Begun, project: Project) {
  const listed = plane.items(project).filter(({ archived_at }) => archived_at === null);
  const { rows } = await crew.store.scan(sets.items(project.id));
  expect(rows.map(({ key }) => key).sort()).toEqual(listed.map(({ id }) => keys.item(id)).sort());
  for (const item of plane.items(project)) {
    const kept = await crew.kept(item);
    const [comments] = await crew.store.read<KeptComments>([keys.comments(item.id)]);
    if (item.archived_at !== null) {
      expect(kept === undefined || kept.gone !== undefined, `${item.name} is archived`).toBe(true);
      continue;
    }
    expect(kept?.gone).toBeUndefined();
    const { name, state, priority } = item;
    expect(kept?.snapshot).toMatchObject({ name, state, priority, assignees: [...item.assignees].sort() });
    const holding = plane.blockers(item).filter((id) => {
      const blocker = plane.item(id);
      const group = blocker && plane.states(blocker.project).find((one) => one.id === blocker.state)?.group;
      return blocker?.archived_at === null && group !== "completed" && group !== "cancelled";
    });
    expect(kept?.blockers, `blockers of ${item.name}`).toEqual(holding.sort());
    const known = Object.entries(comments?.value.known ?? {}).flatMap(([id, hash]) => (hash === "" ? [] : [id]));
    expect(known.sort()).toEqual(
      plane
        .comments(item)
        .map(({ id }) => id)
        .sort(),
    );
  }
}

/** What somebody who hears only the events believes of each item must be what is kept. */
async function expectBelief(crew: Crew) {
  const beliefs = new Map<string, { there?: boolean; assigned: Set<string>; comments: Set<string> }>();
  for (const { event, facts } of crew.actions) {
    const id = facts.item?.id;
    if (id === undefined) continue;
    const belief = beliefs.get(id) ?? { assigned: new Set(), comments: new Set() };
    beliefs.set(id, belief);
    if (event.kind === "created" || event.kind === "restored") {
      expect(belief.there, `${event.kind} twice`).not.toBe(true);
      belief.there = true;
    }
    if (event.kind === "removed") {
      expect(belief.there, "removed twice").not.toBe(false);
      belief.there = false;
    }
    if (event.kind === "assigned") belief.assigned.add(event.who);
    if (event.kind === "unassigned") belief.assigned.delete(event.who);
    if (event.kind === "comment_added") {
      expect(belief.comments.has(event.comment), "one comment told twice").toBe(false);
      belief.comments.add(event.comment);
    }
  }
  for (const [id, belief] of beliefs) {
    const kept = await crew.kept({ id });
    if (belief.there !== undefined) expect(kept?.gone === undefined).toBe(belief.there);
    for (const who of belief.assigned) expect(kept?.snapshot.assignees).toContain(who);
  }
}

test("a history of two projects, told by webhooks in any order, doubled and lost, and by polls, ends in Plane's truth", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), async (steps) => {
      const begun = await begin();
      const { crew, plane, projects } = begun;
      try {
        const history = play(begun);
        for (const one of steps) await history.step(one);
        history.finish();
        for (const project of projects) plane.restoreProject(project);
        await quiet(crew);
        for (const project of projects) await expectTruth(begun, project);
        await expectBelief(crew);
        const jobs = crew.actions.map(({ job }) => job);
        expect(new Set(jobs).size).toBe(jobs.length);
        expect((await crew.store.stats()).queues.inbox.dead).toBe(0);
        const heard = crew.actions.length;
        await quiet(crew);
        expect(crew.actions.slice(heard)).toEqual([]);
      } finally {
        await plane.stop();
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
