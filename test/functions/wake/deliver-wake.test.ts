import { expect, test } from "vitest";
import { createWakeJob } from "../../../shared/jobs/wake-jobs.ts";
import type { Store } from "../../../shared/store/port.ts";
import { EMPTY_WAKE, type WakeRecord, wakeKeys } from "../../../shared/tasks/wakes.ts";
import { createWakeSetup } from "./wake-setup.ts";

const MINUTE = 60;

test("OPENCLAW-16: after an hour of downtime the gateway gets one wake for all tasks within minutes", async () => {
  const { app, gateway, takeRuns, advanceSeconds } = await createWakeSetup();
  gateway.faults.push(...Array.from({ length: 16 }, () => 503));
  app.addTask("One", "Imhotep");
  await app.poll();
  await advanceSeconds(60 * MINUTE);
  app.addTask("Two", "Imhotep");
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual([]);
  gateway.faults.length = 0;
  await advanceSeconds(6 * MINUTE);
  expect(takeRuns()).toEqual(["imhotep: ONB-1 ONB-2"]);
  expect(await app.store.listDeadJobs("wake")).toEqual([]);
});

test("an agent that the gateway does not know yet is woken once it does", async () => {
  const known = ["thot"];
  const { app, takeRuns, advanceSeconds } = await createWakeSetup("2026.9.6", {}, known);
  app.addTask("One", "Imhotep");
  await app.poll();
  await advanceSeconds(10 * MINUTE);
  expect(takeRuns()).toEqual([]);
  known.push("imhotep");
  await advanceSeconds(6 * MINUTE);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
});

test("an agent that called while the gateway delayed its response is not woken again", async () => {
  const { app, gateway, takeRuns, advanceSeconds, call } = await createWakeSetup();
  app.addTask("One", "Imhotep");
  await app.poll();
  const real = app.deps.fetch;
  app.deps.fetch = async (...args) => {
    await real(...args);
    await call("Imhotep", "list_my_tasks");
    app.advance(20_000);
    throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
  };
  await advanceSeconds(10);
  app.deps.fetch = real;
  expect(gateway.runs).toHaveLength(1);
  takeRuns();
  await advanceSeconds(10 * MINUTE);
  expect(takeRuns()).toEqual([]);
});

test("tasks of an unanswered wake are kept when another wake follows", async () => {
  const { app, takeRuns, advanceSeconds } = await createWakeSetup("2026.2.26");
  app.addTask("One", "Imhotep");
  await app.poll();
  await advanceSeconds(10);
  const two = app.addTask("Two", "Imhotep");
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1", "imhotep: ONB-2"]);
  app.plane.editItem(two, { assignees: [] }, { by: app.human });
  await app.poll();
  await advanceSeconds(11 * MINUTE);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
});

/** The first wake job is leased by a process that ends with it, so that its lease of a minute expires. */
function loseNotice(store: Store) {
  const take = store.take.bind(store);
  let lost = false;
  store.take = async (queue, ttl, max) => {
    const jobs = await take(queue, ttl, max);
    const left = jobs.filter(({ id }) => lost || queue !== "wake" || !id.startsWith("item:"));
    lost ||= left.length < jobs.length;
    return left;
  };
}

test("an event's job after a tick already found its task wakes no agent, but a later event does", async () => {
  const { app, takeRuns, advanceSeconds } = await createWakeSetup();
  const one = app.addTask("One", "Imhotep");
  loseNotice(app.store);
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  await advanceSeconds(90);
  expect(takeRuns()).toEqual([]);
  const [imhotep = ""] = one.assignees;
  for (const assignees of [[], [imhotep]]) {
    app.plane.editItem(one, { assignees }, { by: app.human });
    await app.deliverWebhooks();
    await advanceSeconds(5);
  }
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
});

test("an agent that polls by now is not woken by a wake that is still pending", async () => {
  const { app, advanceSeconds } = await createWakeSetup();
  const value: WakeRecord = {
    ...EMPTY_WAKE,
    pending: [{ id: "ONB", key: "ONB", reason: "project_completed" }],
    dueAt: 1,
  };
  await app.store.commit({ put: [{ key: wakeKeys.wake("Thot"), value }], jobs: [createWakeJob("Thot", 1)] });
  await advanceSeconds(10);
  expect((await app.store.stats()).queues.wake.pending).toBe(0);
  expect(app.logged.filter(({ message }) => String(message).includes("cannot be woken"))).toEqual([]);
});
