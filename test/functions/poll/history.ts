import fc from "fast-check";
import type { Item } from "../../../demo/plane/types.ts";
import { poll } from "../../../functions/poll/project-pass.ts";
import { createCrew } from "../../crew.ts";

const STATES = ["Todo", "In Progress", "Done", "Cancelled"];
const NAMES = ["One", "Two", "Three"];

/** What may happen next; `a` and `b` choose among what there is. */
export const step = fc.record({
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
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Two projects with a past, a first look at them, and then a history. */
export async function begin() {
  const crew = await createCrew({ worker: "by hand" });
  const { plane } = crew;
  const people = [crew.human, crew.person("Thot"), crew.person("Imhotep")];
  const projects = [crew.project(), crew.project("Second", "SEC")];
  for (const project of projects) for (const name of NAMES) plane.addItem(project, { name, assignees: [crew.human] });
  crew.lose();
  crew.pass(60_000);
  await poll.run(crew.deps);
  await crew.settle();
  crew.pass(2_000);
  return { crew, plane, people, projects };
}
export type Begun = Awaited<ReturnType<typeof begin>>;

/** Plays the steps of a history, one by one; `finish` ends edits that are under way. */
export function play({ crew, plane, people, projects }: Begun) {
  const fed: string[] = [];
  const open: { finish(): Item }[] = [];
  const finish = () => {
    for (const edit of open.splice(0)) edit.finish();
  };
  const at = <T>(among: readonly T[], n: number): T | undefined => among[n % Math.max(1, among.length)];
  const all = () => projects.flatMap((project) => plane.items(project));
  const there = () => all().filter(({ archived_at }) => archived_at === null);

  return {
    finish,
    async step({ do: what, a, b }: Step): Promise<void> {
      const item = at(there(), a);
      const project = at(projects, a);
      if (!project) return;
      switch (what) {
        case "add":
          plane.addItem(project, { name: `Item ${b}`, assignees: people.slice(0, b % 3) });
          return;
        case "rename":
          if (item) plane.editItem(item, { name: `Name ${b}`, priority: b % 2 ? "high" : "low" });
          return;
        case "turn":
          if (item) plane.editItem(item, { state: at(STATES, b) ?? "Todo" });
          return;
        case "assign":
          finish();
          if (item) open.push(plane.beginEdit(item, { assignees: people.filter((_, i) => (b >> i) % 2 === 1) }));
          return;
        case "finish edit":
          return finish();
        case "relate":
        case "unrelate": {
          const other = at(there(), b);
          if (!item || !other || other.id === item.id) return;
          const doing = { onto: (a + b) % 2 ? "blocker" : "blocked" } as const;
          return what === "relate" ? plane.relate(item, other, doing) : plane.unrelate(item, other, doing);
        }
        case "comment":
          if (item) plane.addComment(item, `<p>Words ${b}</p>`);
          return;
        case "edit comment":
        case "delete comment": {
          const comment = item && at(plane.comments(item), b);
          if (!comment) return;
          if (what === "edit comment") plane.editComment(comment, `<p>Other words ${b}</p>`);
          else plane.deleteComment(comment);
          return;
        }
        case "archive":
          finish();
          if (item) plane.archiveItem(item);
          return;
        case "restore": {
          const archived = at(
            all().filter(({ archived_at }) => archived_at !== null),
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
          // Plane shows no comments of an archived project. Who reads them before a poll knows of the archive finds
          // none, and they are told when the item changes again. Accepted, so not played here.
          plane.settle();
          await poll.run(crew.deps);
          await crew.drain();
          plane.archiveProject(project);
          await poll.run(crew.deps);
          return;
        case "restore project":
          return plane.restoreProject(project);
        case "worker":
          for (let i = 0; i <= b; i += 1) plane.tick();
          return;
        case "deliver": {
          const delivery = at(plane.deliveries.pending, a);
          if (!delivery) return;
          plane.deliveries.drop(delivery.id);
          fed.push(delivery.body);
          await crew.feed(delivery.body);
          return;
        }
        case "repeat": {
          const body = at(fed, a);
          // Another byte, so that it is not recognised by its hash.
          if (body) await crew.feed(body + " ".repeat(b));
          return;
        }
        case "lose": {
          const delivery = at(plane.deliveries.pending, a);
          if (delivery) plane.deliveries.drop(delivery.id);
          return;
        }
        case "drain":
          await crew.drain();
          return;
        case "poll":
          await poll.run(crew.deps);
          if (b % 2) await crew.drain();
          return;
        case "time":
          crew.pass([1, 500, 2_000, 60_000, 900_000][b % 5] ?? 1);
          return;
        case "restart":
          await crew.drain();
          await crew.restart();
      }
    },
  };
}
