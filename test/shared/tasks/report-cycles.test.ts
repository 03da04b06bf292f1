import { expect, test } from "vitest";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createAppWithTasks(names: string[]) {
  const app = await createAgentTestApp();
  const items = names.map((name) => app.addTask(name));
  app.advance(60_000);
  await app.runFirstPoll();
  const readCycleEvents = async () => {
    const before = app.actions.length;
    app.advance(1_000);
    await app.poll();
    await app.runUntilIdle();
    return app.actions.slice(before).flatMap(({ event }) => (event.kind === "circle" ? [event.path.join(" ")] : []));
  };
  return { app, plane: app.plane, items, readCycleEvents };
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
