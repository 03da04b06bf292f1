import fc from "fast-check";
import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { PlaneSimulator } from "../../../simulators/plane/plane-simulator.ts";
import type { Comment, Item, User } from "../../../simulators/plane/types.ts";
import { createTestApp, type TestApp } from "../../support/test-app.ts";

const RUNS = process.env["FULL"] ? 300 : 20;
const ITEMS = 7;
const KINDS = ["state", "rename", "assign", "unassign", "priority", "due", "comment", "edit comment"] as const;
type Kind = (typeof KINDS)[number];

/** Reads lists in pages of three rows, so that a small project has several pages. */
const fetchSmallPages: typeof fetch = (input, init) =>
  fetch(typeof input === "string" ? input.replace("per_page=1000", "per_page=3") : input, init);

const oldChange = fc.record({
  kind: fc.constantFrom(...KINDS),
  item: fc.nat({ max: ITEMS - 1 }),
  worker: fc.boolean(),
});
const newChange = fc.record({
  kind: fc.constantFrom(...KINDS),
  item: fc.nat({ max: ITEMS - 1 }),
  /** Before which request of the baseline, or of what follows it, the change is made. */
  request: fc.nat({ max: 12 }),
  /** What happens before the next request. */
  next: fc.constantFrom("nothing", "worker", "worker", "deliver", "deliver", "lose"),
});

interface World {
  app: TestApp;
  plane: PlaneSimulator;
  items: Item[];
  comments: Comment[];
  people: { human: User; thot: User; imhotep: User };
}

async function createWorld(): Promise<World> {
  const app = await createTestApp({ worker: "by hand", fetch: fetchSmallPages });
  const { plane, human } = app;
  const people = { human, thot: app.addPerson("Thot"), imhotep: app.addPerson("Imhotep") };
  const project = app.addProject();
  const items = Array.from({ length: ITEMS }, (_, i) =>
    plane.addItem(project, { name: `Item ${i}`, assignees: [people.human] }),
  );
  const comments = items.map((item) => plane.addComment(item, "<p>First words</p>"));
  // An open item keeps the project open.
  plane.addItem(project, { name: "Open" });
  app.dropWebhooks();
  app.advance(MINUTE);
  return { app, plane, items, comments, people };
}

/** Changes an item before the baseline: its webhooks and history may still be on their way when it begins. */
function changeBefore({ plane, items, comments, people }: World, { kind, item: i }: { kind: Kind; item: number }) {
  const item = items[i] ?? "";
  switch (kind) {
    case "state":
      return plane.editItem(item, { state: "In Progress" });
    case "rename":
      return plane.editItem(item, { name: `Old name ${i}` });
    case "assign":
      return plane.editItem(item, { assignees: [...(plane.item(item)?.assignees ?? []), people.imhotep.id] });
    case "unassign":
    case "priority":
      return plane.editItem(item, { priority: "low" });
    case "due":
      return plane.editItem(item, { target_date: "2026-12-01" });
    case "comment":
      return plane.addComment(item, "<p>Old words</p>");
    case "edit comment":
      return plane.editComment(comments[i] ?? "", "<p>Second words</p>");
  }
}

/** Changes an item after the beginning of the baseline, and returns the event that must be reported. */
function changeAfter(
  { plane, items, comments, people }: World,
  { kind, item: i }: { kind: Kind; item: number },
): string {
  const item = items[i] ?? "";
  const { sequence_id, assignees } = plane.item(item) ?? { sequence_id: 0, assignees: [] };
  const key = `ONB-${sequence_id}`;
  switch (kind) {
    case "state":
      plane.editItem(item, { state: "Done" });
      return `${key} completed`;
    case "rename":
      plane.editItem(item, { name: `New name ${i}` });
      return `${key} renamed`;
    case "assign":
      plane.editItem(item, { assignees: [...assignees, people.thot.id] });
      return `${key} assigned ${people.thot.id}`;
    case "unassign":
      plane.editItem(item, { assignees: assignees.filter((id) => id !== people.human.id) });
      return `${key} unassigned ${people.human.id}`;
    case "priority":
      plane.editItem(item, { priority: "high" });
      return `${key} priority`;
    case "due":
      plane.editItem(item, { target_date: "2026-12-24" });
      return `${key} due`;
    case "comment":
      return `${key} comment_added ${plane.addComment(item, "<p>New words</p>").id}`;
    case "edit comment":
      return `${key} comment_edited ${plane.editComment(comments[i] ?? "", "<p>Third words</p>").id}`;
  }
}

function listReported({ app }: World): string[] {
  return app.actions.map(({ event, facts }) => {
    const detail = "who" in event ? ` ${event.who}` : "comment" in event ? ` ${event.comment}` : "";
    return `${facts.item?.key ?? facts.project?.identifier} ${event.kind}${detail}`;
  });
}

test("of all changes before and during the baseline, in any order of webhooks and pages, each one made after its beginning is reported once and no older one", async () => {
  const isSameChange = (a: { kind: Kind; item: number }) => `${a.kind} ${a.item}`;
  const histories = fc.record({
    before: fc.uniqueArray(oldChange, { maxLength: 8, selector: isSameChange }),
    after: fc.uniqueArray(newChange, { minLength: 1, maxLength: 10, selector: isSameChange }),
    early: fc.nat({ max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(histories, async ({ before, after, early }) => {
      const world = await createWorld();
      const { app, plane } = world;
      const deliver = async (n: number) => {
        for (const { id, body } of plane.deliveries.pending.slice(0, n)) {
          plane.deliveries.drop(id);
          await app.enqueueWebhook(body);
        }
      };
      try {
        for (const change of before) {
          changeBefore(world, change);
          if (change.worker) plane.runWorkerTask();
        }
        // Webhooks of older changes are accepted before the baseline begins, and after.
        await deliver(early);
        app.advance(1_000);

        const expected: string[] = [];
        let request = -1;
        const runStepsBeforeRequest = async () => {
          request += 1;
          // The answer to the first request says when the baseline began.
          if (request === 0) return;
          app.advance(1_500);
          for (const change of after.filter((each) => each.request === request - 1)) {
            expected.push(changeAfter(world, change));
            if (change.next !== "nothing") plane.runWorker();
            if (change.next === "deliver") await deliver(20);
            if (change.next === "lose") plane.deliveries.dropAll();
          }
        };
        plane.faults.beforeRequest(runStepsBeforeRequest);
        await pollTick.run(app.deps);
        await app.drain();
        plane.faults.beforeRequest(undefined);
        const notMade = after.filter((change) => change.request > request - 1);
        app.advance(1_500);
        for (const change of notMade) expected.push(changeAfter(world, change));
        plane.runWorker();
        await deliver(20);
        plane.deliveries.dropAll();
        for (let i = 0; i < 3; i += 1) {
          await app.runUntilIdle();
          app.advance(5 * MINUTE);
          await pollTick.run(app.deps);
        }
        await app.runUntilIdle();
        expect(listReported(world).sort()).toEqual(expected.sort());
      } finally {
        await plane.stop();
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
