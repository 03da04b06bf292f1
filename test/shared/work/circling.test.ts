import { expect, test } from "vitest";
import { createWorkCrew } from "../../work-crew.ts";

async function crewOf(names: string[]) {
  const crew = await createWorkCrew();
  const items = names.map((name) => crew.task(name));
  crew.pass(60_000);
  await crew.begin();
  const circles = async () => {
    const before = crew.actions.length;
    crew.pass(1_000);
    await crew.poll();
    await crew.settle();
    return crew.actions.slice(before).flatMap(({ event }) => (event.kind === "circle" ? [event.path.join(" ")] : []));
  };
  return { crew, plane: crew.plane, items, circles };
}

test("a circle that people make in Plane is told once, with its path, and again when it is made anew", async () => {
  const { plane, items, circles } = await crewOf(["Guide", "Tour", "Fair"]);
  const [guide = "", tour = "", fair = ""] = items;
  plane.relate(tour, guide);
  plane.relate(fair, tour);
  expect(await circles()).toEqual([]);
  plane.relate(guide, fair);
  const told = [...(await circles()), ...(await circles()), ...(await circles())];
  expect(told).toEqual(["ONB-1 ONB-3 ONB-2 ONB-1"]);
  plane.unrelate(guide, fair);
  expect([...(await circles()), ...(await circles())]).toEqual([]);
  plane.relate(guide, fair);
  const again = [...(await circles()), ...(await circles())];
  expect(again).toHaveLength(1);
});

test("a circle in which something is done holds nobody up: nobody is told", async () => {
  const { plane, items, circles } = await crewOf(["Guide", "Tour"]);
  const [guide = "", tour = ""] = items;
  plane.editItem(guide, { state: "Done" });
  plane.relate(tour, guide);
  plane.relate(guide, tour);
  expect([...(await circles()), ...(await circles())]).toEqual([]);
});
