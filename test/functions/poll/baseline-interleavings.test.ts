import fc from "fast-check";
import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { Item, ItemPatch } from "../../../simulators/plane/types.ts";
import { createTestApp } from "../../support/test-app.ts";

const RUNS = process.env["FULL"] ? 300 : 10;
const ITEMS = 7;
type People = Record<"human" | "thot" | "imhotep", { id: string }>;

/** Edits of an item before the baseline and after its beginning, and the event of the latter. */
const EDITS: Record<string, (item: Item, people: People) => [before: ItemPatch, after: ItemPatch, event: string]> = {
  state: () => [{ state: "In Progress" }, { state: "Done" }, "completed"],
  rename: ({ name }) => [{ name: `Old ${name}` }, { name: `New ${name}` }, "renamed"],
  priority: () => [{ priority: "low" }, { priority: "high" }, "priority"],
  due: () => [{ target_date: "2026-12-01" }, { target_date: "2026-12-24" }, "due"],
  assign: ({ assignees }, { thot, imhotep }) => [
    { assignees: [...assignees, imhotep.id] },
    { assignees: [...assignees, thot.id] },
    `assigned ${thot.id}`,
  ],
  unassign: ({ assignees }, { human }) => [
    { priority: "low" },
    { assignees: assignees.filter((id) => id !== human.id) },
    `unassigned ${human.id}`,
  ],
};

const change = {
  kind: fc.constantFrom(...Object.keys(EDITS), "comment", "edit comment"),
  item: fc.nat({ max: ITEMS - 1 }),
};
const oldChange = fc.record({ ...change, worker: fc.boolean() });
const newChange = fc.record({
  ...change,
  /** Before which request of the baseline, or of what follows it, the change is made. */
  request: fc.nat({ max: 12 }),
  /** What happens before the next request. */
  next: fc.constantFrom("nothing", "worker", "worker", "deliver", "deliver", "lose"),
});

/** Reads lists in pages of three rows, so that a small project has several pages. */
const fetchSmallPages: typeof fetch = (input, init) =>
  fetch(typeof input === "string" ? input.replace("per_page=1000", "per_page=3") : input, init);

async function createWorld() {
  const app = await createTestApp({ worker: "by hand", fetch: fetchSmallPages });
  const { plane, human } = app;
  const people = { human, thot: app.addPerson("Thot"), imhotep: app.addPerson("Imhotep") };
  const project = app.addProject();
  const items = Array.from({ length: ITEMS }, (_, i) =>
    plane.addItem(project, { name: `Item ${i}`, assignees: [human] }),
  );
  const comments = items.map((item) => plane.addComment(item, "<p>First words</p>"));
  // An open item keeps the project open.
  plane.addItem(project, { name: "Open" });
  app.dropWebhooks();
  app.advance(MINUTE);

  /** Makes a change of this kind, and returns the event that must be reported when it is not older than the baseline. */
  function makeChange({ kind, item: i }: { kind: string; item: number }, isOld: boolean): string {
    const item = plane.item(items[i] ?? "");
    if (!item) throw new Error("no item");
    const key = `ONB-${item.sequence_id}`;
    const words = `<p>${isOld ? "Old" : "New"} words</p>`;
    if (kind === "comment") return `${key} comment_added ${plane.addComment(item, words).id}`;
    if (kind === "edit comment") return `${key} comment_edited ${plane.editComment(comments[i] ?? "", words).id}`;
    const [before = {}, after = {}, event] = EDITS[kind]?.(item, people) ?? [];
    plane.editItem(item, isOld ? before : after);
    return `${key} ${event}`;
  }
  async function deliver(n: number) {
    for (const { id, body } of plane.deliveries.pending.slice(0, n)) {
      plane.deliveries.drop(id);
      await app.enqueueWebhook(body);
    }
  }
  function listReported(): string[] {
    return app.actions.map(({ event, facts }) => {
      const detail = "who" in event ? ` ${event.who}` : "comment" in event ? ` ${event.comment}` : "";
      return `${facts.item?.key ?? facts.project?.identifier} ${event.kind}${detail}`;
    });
  }
  return { app, plane, makeChange, deliver, listReported };
}

test("of all changes before and during the baseline, in any order of webhooks and pages, each one made after its beginning is reported once and no older one", async () => {
  const isSameChange = (a: { kind: string; item: number }) => `${a.kind} ${a.item}`;
  const histories = fc.record({
    before: fc.uniqueArray(oldChange, { maxLength: 8, selector: isSameChange }),
    after: fc.uniqueArray(newChange, { minLength: 1, maxLength: 10, selector: isSameChange }),
    early: fc.nat({ max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(histories, async ({ before, after, early }) => {
      const { app, plane, makeChange, deliver, listReported } = await createWorld();
      try {
        for (const one of before) {
          makeChange(one, true);
          if (one.worker) plane.runWorkerTask();
        }
        // Webhooks of older changes are accepted before the baseline begins, and after.
        await deliver(early);
        app.advance(1_000);

        const expected: string[] = [];
        let request = -1;
        plane.faults.beforeRequest(async () => {
          request += 1;
          // The answer to the first request says when the baseline began.
          if (request === 0) return;
          app.advance(1_500);
          for (const one of after.filter((each) => each.request === request - 1)) {
            expected.push(makeChange(one, false));
            if (one.next !== "nothing") plane.runWorker();
            if (one.next === "deliver") await deliver(20);
            if (one.next === "lose") plane.deliveries.dropAll();
          }
        });
        await pollTick.run(app.deps);
        await app.drain();
        plane.faults.beforeRequest(undefined);
        app.advance(1_500);
        for (const one of after) if (one.request > request - 1) expected.push(makeChange(one, false));
        plane.runWorker();
        await deliver(20);
        plane.deliveries.dropAll();
        for (let i = 0; i < 3; i += 1) {
          await app.runUntilIdle();
          app.advance(5 * MINUTE);
          await pollTick.run(app.deps);
        }
        await app.runUntilIdle();
        expect(listReported().sort()).toEqual(expected.sort());
      } finally {
        await plane.stop();
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
