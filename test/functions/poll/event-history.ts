import fc from "fast-check";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { createTestApp } from "../../support/test-app.ts";

const STATES = ["Todo", "In Progress", "Done", "Cancelled"];
const NAMES = ["One", "Two", "Three"];

/** What may happen next; `a` and `b` choose among what there is. */
export const historyStep = fc.record({
  do: fc.constantFrom(
    ...(["add", "rename", "turn", "turn", "assign", "assign", "relate", "unrelate"] as const),
    ...(["comment", "comment", "edit comment", "delete comment", "archive", "restore", "delete"] as const),
    ...(["archive project", "restore project", "finish edit"] as const),
    ...(["worker", "worker", "worker", "deliver", "deliver", "deliver", "repeat", "lose"] as const),
    ...(["drain", "poll", "poll", "time", "time", "restart"] as const),
  ),
  a: fc.nat({ max: 11 }),
  b: fc.nat({ max: 11 }),
});
type HistoryStep = typeof historyStep extends fc.Arbitrary<infer S> ? S : never;

/** Creates two projects with existing items, runs the first poll, and returns the steps of a history. */
export async function createHistorySetup() {
  const app = await createTestApp({ worker: "by hand" });
  const { plane } = app;
  const people = [app.human, app.addPerson("Thot"), app.addPerson("Imhotep")];
  const projects = [app.addProject(), app.addProject("Second", "SEC")];
  for (const project of projects) for (const name of NAMES) plane.addItem(project, { name, assignees: [app.human] });
  app.dropWebhooks();
  app.advance(60_000);
  await pollTick.run(app.deps);
  await app.runUntilIdle();
  app.advance(2_000);
  return { app, plane, people, projects };
}
export type HistorySetup = Awaited<ReturnType<typeof createHistorySetup>>;

/** Plays the steps of a history, one by one; `finish` ends edits that are under way. */
export function createHistoryPlayer({ app, plane, people, projects }: HistorySetup) {
  const deliveredBodies: string[] = [];
  const openEdits: { finish(): Item }[] = [];
  const finish = () => {
    for (const edit of openEdits.splice(0)) edit.finish();
  };
  const pickFrom = <T>(among: readonly T[], n: number): T | undefined => among[n % Math.max(1, among.length)];
  const listItems = () => projects.flatMap((project) => plane.items(project));
  const listPresent = () => listItems().filter(({ archived_at }) => archived_at === null);

  return {
    finish,
    async step({ do: action, a, b }: HistoryStep): Promise<void> {
      const item = pickFrom(listPresent(), a);
      const project = pickFrom(projects, a);
      if (!project) return;
      switch (action) {
        case "add":
          plane.addItem(project, { name: `Item ${b}`, assignees: people.slice(0, b % 3) });
          return;
        case "rename":
          if (item) plane.editItem(item, { name: `Name ${b}`, priority: b % 2 ? "high" : "low" });
          return;
        case "turn":
          if (item) plane.editItem(item, { state: pickFrom(STATES, b) ?? "Todo" });
          return;
        case "assign":
          finish();
          if (item) openEdits.push(plane.beginEdit(item, { assignees: people.filter((_, i) => (b >> i) % 2 === 1) }));
          return;
        case "finish edit":
          return finish();
        case "relate":
        case "unrelate": {
          const other = pickFrom(listPresent(), b);
          if (!item || !other || other.id === item.id) return;
          const doing = { onto: (a + b) % 2 ? "blocker" : "blocked" } as const;
          return action === "relate" ? plane.relate(item, other, doing) : plane.unrelate(item, other, doing);
        }
        case "comment":
          if (item) plane.addComment(item, `<p>Words ${b}</p>`);
          return;
        case "edit comment":
        case "delete comment": {
          const comment = item && pickFrom(plane.comments(item), b);
          if (!comment) return;
          if (action === "edit comment") plane.editComment(comment, `<p>Other words ${b}</p>`);
          else plane.deleteComment(comment);
          return;
        }
        case "archive":
          finish();
          if (item) plane.archiveItem(item);
          return;
        case "restore": {
          const archived = pickFrom(
            listItems().filter(({ archived_at }) => archived_at !== null),
            a,
          );
          if (archived) plane.restoreItem(archived);
          return;
        }
        case "delete":
          finish();
          if (item) plane.deleteItem(item);
          return;
        case "archive project":
          // Plane shows no comments of an archived project. A read before a poll has noticed the archiving finds none,
          // and the comments cause events when the item changes again. That is accepted, so it is not simulated here.
          plane.runWorker();
          await pollTick.run(app.deps);
          await app.drain();
          plane.archiveProject(project);
          await pollTick.run(app.deps);
          return;
        case "restore project":
          return plane.restoreProject(project);
        case "worker":
          for (let i = 0; i <= b; i += 1) plane.runWorkerTask();
          return;
        case "deliver": {
          const delivery = pickFrom(plane.deliveries.pending, a);
          if (!delivery) return;
          plane.deliveries.drop(delivery.id);
          deliveredBodies.push(delivery.body);
          await app.enqueueWebhook(delivery.body);
          return;
        }
        case "repeat": {
          const body = pickFrom(deliveredBodies, a);
          // Another byte, so that it is not recognised by its hash.
          if (body) await app.enqueueWebhook(body + " ".repeat(b));
          return;
        }
        case "lose": {
          const delivery = pickFrom(plane.deliveries.pending, a);
          if (delivery) plane.deliveries.drop(delivery.id);
          return;
        }
        case "drain":
          await app.drain();
          return;
        case "poll":
          await pollTick.run(app.deps);
          if (b % 2) await app.drain();
          return;
        case "time":
          app.advance([1, 500, 2_000, 60_000, 900_000][b % 5] ?? 1);
          return;
        case "restart":
          await app.drain();
          await app.restart();
      }
    },
  };
}
