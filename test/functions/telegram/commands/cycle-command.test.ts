import { expect, test } from "vitest";
import { cyclesTick } from "../../../../functions/poll/poll-tick.ts";
import { DAY } from "../../../../shared/time.ts";
import { createCommandsApp } from "./commands-app.ts";

test("/plane cycle shows progress and forecast for two requests, /plane digest without one, and stored data while Plane is away", async () => {
  const app = await createCommandsApp();
  const toDay = (days: number) => new Date(app.time.now + days * DAY).toISOString().slice(0, 10);
  app.plane.editProject(app.onb, { cycle_view: true });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane cycle")).toBe("There are no cycles in Plane.");
  // A cycle of ten days with four tasks: two done since it began four days ago, two waiting.
  const items = ["One", "Two", "Three", "Four"].map((name) => app.addTask(name, "Imhotep"));
  const cycle = app.plane.addCycle(app.onb, { name: "Sprint 7", start_date: toDay(1), end_date: toDay(10) });
  app.plane.addToCycle(cycle, items);
  await app.poll();
  await cyclesTick.run(app.deps);
  app.advance(5 * DAY);
  for (const item of items.slice(0, 2)) app.plane.editItem(item, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  const reply = await app.sendAndGetReply("/plane cycle");
  expect(reply.split("\n").slice(0, 5)).toEqual([
    "🏃 Sprint 7 – Onboarding (ONB)",
    expect.stringMatching(/^ends .* 2026$/),
    "▓▓▓▓▓░░░░░ 50%",
    "2 of 4 done, 2 tasks left",
    expect.stringMatching(/^🔮 forecast .* 2026 \(on time\), at 0\.5 tasks a day$/),
  ]);
  expect(reply).toContain("⬜ To do\n⬜ ONB-3 Three (Imhotep)\n⬜ ONB-4 Four (Imhotep)");
  app.plane.addToCycle(cycle, [app.addTask("Five", "Thot")]);
  await app.poll();
  await app.runUntilIdle();
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane cycle sprint 7")).toContain("2 of 5 done, 3 tasks left");
  expect(app.plane.ledger.requests.map(({ method }) => method)).toEqual(["GET", "GET"]);
  expect(await app.sendAndGetReply("/plane cycle winter")).toBe("No cycle “winter” found.\nCycles: Sprint 7");
  await cyclesTick.run(app.deps);
  await app.runUntilIdle();
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane digest")).toMatch(
    /🏃 Current cycles \(1\)\n• Sprint 7 \(ONB\): 2 of 5 done, 3 tasks left, ends .*, forecast .*/,
  );
  expect(await app.sendAndGetReply("/plane project ONB")).toContain("3 tasks left");
  expect(app.plane.ledger.requests).toEqual([]);
  await app.plane.takeDown();
  const stored = await app.sendAndGetReply("/plane cycle");
  expect(stored).toContain("2 of 5 done, 3 tasks left");
  expect(stored).toContain("⚠️ Plane did not respond: these are stored data.");
});
