import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createAppWithTasks(names: string[]) {
  const crew = await createAgentTestApp();
  const items = names.map((name) => crew.addTask(name));
  crew.advance(60_000);
  await crew.runFirstPoll();
  const readCycleEvents = async () => {
    const before = crew.actions.length;
    crew.advance(1_000);
    await crew.poll();
    await crew.runUntilIdle();
    return crew.actions.slice(before).flatMap(({ event }) => (event.kind === "circle" ? [event.path.join(" ")] : []));
  };
  return { crew, plane: crew.plane, items, readCycleEvents };
}

test("a dependency cycle made in Plane is reported once with its path, and again when it reappears", async () => {
  const { plane, items, readCycleEvents } = await createAppWithTasks(["Guide", "Tour", "Fair"]);
  const [guide = "", tour = "", fair = ""] = items;
  plane.relate(tour, guide);
  plane.relate(fair, tour);
  expect(await readCycleEvents()).toEqual([]);
  plane.relate(guide, fair);
  const reported = [...(await readCycleEvents()), ...(await readCycleEvents()), ...(await readCycleEvents())];
  expect(reported).toEqual(["ONB-1 ONB-3 ONB-2 ONB-1"]);
  plane.unrelate(guide, fair);
  expect([...(await readCycleEvents()), ...(await readCycleEvents())]).toEqual([]);
  plane.relate(guide, fair);
  const again = [...(await readCycleEvents()), ...(await readCycleEvents())];
  expect(again).toHaveLength(1);
});

test("a dependency cycle with a finished task is not reported", async () => {
  const { plane, items, readCycleEvents } = await createAppWithTasks(["Guide", "Tour"]);
  const [guide = "", tour = ""] = items;
  plane.editItem(guide, { state: "Done" });
  plane.relate(tour, guide);
  plane.relate(guide, tour);
  expect([...(await readCycleEvents()), ...(await readCycleEvents())]).toEqual([]);
});
