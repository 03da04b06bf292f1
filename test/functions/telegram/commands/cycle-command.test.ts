import { expect, test } from "vitest";
import { cyclesTick } from "../../../../functions/poll/poll-tick.ts";
import { forecastCycle } from "../../../../shared/tasks/task-counts.ts";
import { DAY } from "../../../../shared/time.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

type CommandsApp = Awaited<ReturnType<typeof createCommandsApp>>;

const toDay = (app: CommandsApp, days: number) => new Date(app.time.now + days * DAY).toISOString().slice(0, 10);

/** A cycle of ten days that began four days ago, with four tasks: two done since, one in progress, one waiting. */
async function createSprintApp(options: Parameters<typeof createCommandsApp>[0] = {}) {
  const app = await createCommandsApp(options);
  const items = ["One", "Two", "Three", "Four"].map((name) => app.addTask(name, "Imhotep"));
  app.plane.editProject(app.onb, { cycle_view: true });
  const cycle = app.plane.addCycle(app.onb, { name: "Sprint 7", start_date: toDay(app, 1), end_date: toDay(app, 10) });
  app.plane.addToCycle(cycle, items);
  await app.runFirstPoll();
  app.advance(5 * DAY);
  for (const item of items.slice(0, 2)) app.plane.editItem(item, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  return { app, cycle, items };
}

test("/plane cycle shows the progress of the current cycle with a forecast for two requests, and stored data while Plane is away", async () => {
  const { app, cycle } = await createSprintApp();
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
  await cyclesTick.run(app.deps);
  await app.plane.takeDown();
  const stored = await app.sendAndGetReply("/plane cycle");
  expect(stored).toContain("2 of 5 done, 3 tasks left");
  expect(stored).toContain("⚠️ Plane did not respond: these are stored data.");
});

test("/plane cycle offers buttons where a name is ambiguous, and names the cycles when none matches", async () => {
  const { app } = await createSprintApp();
  app.plane.addCycle(app.onb, { name: "Sprint 8", start_date: toDay(app, 20), end_date: toDay(app, 30) });
  await cyclesTick.run(app.deps);
  await app.runUntilIdle();
  const [question] = await app.sendMessage("/plane cycle sprint");
  expect(toPlainText(question)).toBe("Which cycle do you mean?");
  const labels = question?.buttons.flat().map(({ text }) => text);
  expect(labels).toEqual([
    expect.stringMatching(/^Sprint 7 – ONB, ends /),
    expect.stringMatching(/^Sprint 8 – ONB, starts /),
  ]);
  await app.pressButton(question, /Sprint 8/);
  expect(toPlainText(app.getBotMessages().at(-1))).toMatch(/^🏃 Sprint 8 – Onboarding \(ONB\)\nstarts /);
  expect(await app.sendAndGetReply("/plane cycle winter")).toBe("No cycle “winter” found.\nCycles: Sprint 7, Sprint 8");
});

test("/plane cycle says when there is none, and lists upcoming ones when none is current", async () => {
  const app = await createCommandsApp();
  app.plane.editProject(app.onb, { cycle_view: true });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane cycle")).toBe("There are no cycles in Plane.");
  app.plane.addCycle(app.onb, { name: "Sprint 8", start_date: toDay(app, 20), end_date: toDay(app, 30) });
  await cyclesTick.run(app.deps);
  const reply = await app.sendAndGetReply("/plane sprint");
  expect(reply).toMatch(/^No cycle is current\.\n🗓️ Upcoming\n• Sprint 8 \(ONB\): 0 of 0 done, starts /);
});

test("current cycles are in the digest with progress and forecast, as in /plane project, without a request to Plane", async () => {
  const { app } = await createSprintApp({ env: { LOCALE: "fr" } });
  await cyclesTick.run(app.deps);
  await app.runUntilIdle();
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane digest")).toMatch(
    /🏃 Cycles en cours \(1\)\n• Sprint 7 \(ONB\) : 2 sur 4 .*, 2 tâches restantes, se termine le .*, prévision : .* \(dans les temps\)/,
  );
  expect(await app.sendAndGetReply("/plane project ONB")).toContain("2 tâches restantes");
  expect(app.plane.ledger.requests).toEqual([]);
});

test("a cycle's forecast is the rest at the pace since it began, and absent without enough data", () => {
  const begin = 100 * DAY;
  expect(forecastCycle({ begin, now: begin + 4 * DAY, done: 2, left: 6 })).toEqual({
    at: begin + 16 * DAY,
    perDay: 0.5,
  });
  expect(forecastCycle({ begin, now: begin + 4 * DAY, done: 0, left: 6 })).toBeUndefined();
  expect(forecastCycle({ begin, now: begin + DAY / 2, done: 2, left: 6 })).toBeUndefined();
  expect(forecastCycle({ begin, now: begin + 4 * DAY, done: 2, left: 0 })).toBeUndefined();
  expect(forecastCycle({ begin, now: begin + 400 * DAY, done: 1, left: 6 })).toBeUndefined();
});
