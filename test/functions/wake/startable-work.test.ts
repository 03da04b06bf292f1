import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { claimsTick } from "../../../functions/work.ts";
import { createWakeSetup } from "./wake-setup.ts";

const MINUTE = 60;
const HOUR = 3_600;

/** Wakes Imhotep for tasks with these titles, which get the keys ONB-1, ONB-2, and so on. */
async function createTeam(...titles: string[]) {
  const setup = await createWakeSetup();
  for (const title of titles) setup.app.addTask(title, "Imhotep");
  await setup.pollAndWait();
  expect(setup.takeRuns()).toEqual([`imhotep: ${titles.map((_, i) => `ONB-${i + 1}`).join(" ")}`]);
  const setStatus = (task: string, status: string) => setup.call("Imhotep", "update_task_status", { task, status });
  return { ...setup, setStatus };
}

test("reliability 30: an agent that finishes one task per run is woken at once for the others, once per task", async () => {
  const setup = await createTeam("One", "Two", "Three");
  const { app, setStatus, finishTask, advanceSeconds, deliverAndWait, takeRuns, notices } = setup;
  for (const [done, others] of [
    ["ONB-1", "imhotep: ONB-2 ONB-3"],
    ["ONB-2", "imhotep: ONB-3"],
  ] as const) {
    await advanceSeconds(40);
    await finishTask("Imhotep", done);
    await advanceSeconds(8);
    expect(takeRuns()).toEqual([others]);
  }
  // It is woken for a task that comes while it works, and not twice.
  await setStatus("ONB-3", "in_progress");
  await advanceSeconds(60);
  app.addTask("Four", "Imhotep");
  await deliverAndWait();
  await finishTask("Imhotep", "ONB-3");
  await advanceSeconds(20);
  expect(takeRuns()).toEqual(["imhotep: ONB-4"]);
  await advanceSeconds(40);
  await finishTask("Imhotep", "ONB-4");
  await advanceSeconds(HOUR);
  expect(takeRuns().filter((run) => run.startsWith("imhotep"))).toEqual([]);
  expect(notices.filter((notice) => notice.includes("Imhotep"))).toEqual([]);
});

test("an agent that gives back a task, or waits for an answer about it, is woken for the others, and not for that one", async () => {
  const { call, setStatus, advanceSeconds, takeRuns, pollAndWait } = await createTeam("One", "Two", "Three");
  await advanceSeconds(40);
  await setStatus("ONB-1", "in_progress");
  await setStatus("ONB-1", "todo");
  await advanceSeconds(8);
  expect(takeRuns()).toEqual(["imhotep: ONB-2 ONB-3"]);
  await setStatus("ONB-2", "in_progress");
  await call("Imhotep", "ask_human", { task: "ONB-2", text: "Which one?" });
  for (let i = 0; i < 7; i++) await pollAndWait(5 * MINUTE);
  expect(takeRuns()).toEqual(["imhotep: ONB-1 ONB-3"]);
});

test("a task that goes back to the backlog and returns does not wake its agent a second time", async () => {
  const { app, deliverAndWait, takeRuns } = await createTeam("One");
  for (const state of ["Backlog", "Todo"]) {
    app.plane.editItem(app.plane.items(app.onb)[0] ?? "", { state }, { by: app.human });
    await deliverAndWait();
  }
  expect(takeRuns()).toEqual([]);
});

test("an agent that waits for an answer about its only task is neither woken nor reported", async () => {
  const { call, setStatus, takeRuns, notices, pollAndWait } = await createTeam("One");
  await setStatus("ONB-1", "in_progress");
  await call("Imhotep", "ask_human", { task: "ONB-1", text: "Which one?" });
  for (let i = 0; i < 36; i++) await pollAndWait(5 * MINUTE);
  expect([takeRuns(), notices.filter((notice) => notice.includes("wakes"))]).toEqual([[], []]);
});

test.each([
  ["is woken again when its claim expires", false, ["imhotep: ONB-1"]],
  ["is woken neither to start nor to stop it when it has to wait for another task by then", true, []],
])("an agent whose run ended within a task %s", async (_, isBlocked, runs) => {
  const { app, setStatus, advanceSeconds, takeRuns, pollAndWait } = await createTeam("One");
  await setStatus("ONB-1", "in_progress");
  const [one] = app.plane.items(app.onb);
  if (one && isBlocked) app.plane.relate(one, app.addTask("First"));
  await pollAndWait(16 * MINUTE);
  await claimsTick.run(app.deps);
  await advanceSeconds(20);
  expect(takeRuns()).toEqual(runs);
});

test("reliability 30: an agent that takes a task and gives it back again and again is woken three times, then a person is notified once", async () => {
  const { setStatus, takeRuns, notices, pollAndWait } = await createTeam("One");
  let wakeCount = 1;
  for (let minute = 0; minute < 3 * 60; minute += 5) {
    const isWoken = takeRuns().length > 0;
    wakeCount += Number(isWoken);
    // Once more after the notice, although nobody has woken it.
    if (isWoken || minute === 0 || minute === 120)
      for (const status of ["in_progress", "todo"]) await setStatus("ONB-1", status);
    await pollAndWait(5 * MINUTE);
  }
  expect(wakeCount).toBe(3);
  expect(notices).toEqual([expect.stringMatching(/Imhotep answers wakes but finishes none of its tasks.*ONB-1/)]);
});

test("reliability 30: an agent that calls but claims nothing is woken again with back-off, and a person is notified once", async () => {
  const { call, advanceSeconds, takeRuns, notices, pollAndWait } = await createTeam("One");
  await call("Imhotep", "list_my_tasks");
  const woken: number[] = [];
  for (let minute = 5; minute <= 3 * 60; minute += 5) {
    await advanceSeconds(5 * MINUTE);
    await pollAndWait();
    if (takeRuns().length === 0) continue;
    woken.push(minute);
    await call("Imhotep", "list_my_tasks");
  }
  expect(woken).toEqual([15, 45]);
  expect(notices).toEqual([expect.stringMatching(/Imhotep answers wakes but finishes none of its tasks.*ONB-1/)]);
});

test("reliability 30: an agent that sleeps and comes back is woken again for what is left, and a second sleep is reported again", async () => {
  const { call, app, advanceSeconds, takeRuns, notices, pollAndWait } = await createTeam("One");
  await advanceSeconds(40 * MINUTE);
  expect([takeRuns().length, notices.length]).toEqual([2, 1]);
  await pollTick.run(app.deps);
  expect((await app.store.stats()).queues.wake.pending, "nothing to check until it calls").toBe(0);
  await call("Imhotep", "list_my_tasks");
  await pollAndWait(16 * MINUTE);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  await advanceSeconds(2 * HOUR);
  expect([takeRuns().length, notices.length]).toEqual([2, 2]);
});

test("new startable work wakes within 10 s while an earlier wake is unacknowledged, after a person was notified and after an outage", async () => {
  const { app, gateway, advanceSeconds, deliverAndWait, takeRuns, notices } = await createTeam("One");
  const addNext = async (title: string) => {
    app.addTask(title, "Imhotep");
    await deliverAndWait();
    return takeRuns();
  };
  await advanceSeconds(20);
  expect(await addNext("Two")).toEqual(["imhotep: ONB-2"]);
  await advanceSeconds(40 * MINUTE);
  takeRuns();
  expect(notices).toHaveLength(1);
  expect(await addNext("Three")).toEqual(["imhotep: ONB-3"]);
  await gateway.stop();
  expect(await addNext("Four")).toEqual([]);
  await advanceSeconds(20 * MINUTE);
  await gateway.start();
  expect(await addNext("Five")).toEqual(["imhotep: ONB-4 ONB-5"]);
  await advanceSeconds(HOUR);
  expect([takeRuns(), notices.length]).toEqual([[], 1]);
});
