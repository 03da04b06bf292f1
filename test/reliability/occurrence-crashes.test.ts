import { expect, onTestFinished, test } from "vitest";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createSchedulesApp } from "../functions/schedules-app.ts";
import { type CrashPoint, createCrashSimulator } from "../support/crash-simulator.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { FIRST_KILL, IS_FULL_RUN, KILL_STRIDE } from "./random-source.ts";
import { startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

/** Lets a process be killed while it makes an occurrence, and the next one go on. */
async function makeOccurrence(crash: CrashPoint) {
  const simulator = createCrashSimulator();
  const app = await createSchedulesApp({
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
  });
  await app.runTick();
  app.setTime("2026-11-21T09:00:10Z");
  const outcome = await simulator.runUntilCrash(crash, app.runTick);
  simulator.reset();
  await app.restart();
  // What the killed process had locked is free after two minutes.
  for (let minute = 0; minute < 4; minute += 1) {
    app.advance(60_000);
    await app.runTick();
  }
  return { died: outcome === "died", titles: app.readTitles() };
}

test.each(["before", "after"] as const)("RECUR-03 a kill %s any effect leaves one occurrence", async (when) => {
  let nth = FIRST_KILL[when];
  for (let hasDied = true; hasDied; nth += KILL_STRIDE) {
    const { died, titles } = await makeOccurrence({ nth, when });
    expect([nth, titles]).toEqual([nth, ["Check Nov 21, 2026"]]);
    hasDied = died;
  }
  expect(nth).toBeGreaterThan(8);
});

/** Its time does not come during the test: it is run by hand. */
const YEARLY = { name: "yearly", cron: "0 0 1 1 *", project: "ONB", title: "Check the backups" };
/** A minute, because what the killed process had locked is free only then, and room for a busy machine. */
const WAIT = { timeout: 200_000, interval: 500 };

/** Lets a process of its own kill itself after it was asked for an occurrence, and returns what Plane has at the end. */
async function runAndKill(crash: CrashPoint, store: string | undefined) {
  const { plane, env, addProject } = await startSimulators();
  const project = addProject();
  const runtime = await spawnRuntime({
    ...{ env, config: { schedules: [YEARLY] }, childOptions: { ttl: 3_000 } },
    ...(store === undefined ? {} : { store }),
  });
  await runtime.poll();
  await runtime.kill();
  // Effects are counted from the first one of the occurrence.
  await runtime.start({ crash: { ...crash, from: "schedule:yearly" } });
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ run: true });
  const run = () => runtime.request("/api/schedules/yearly", { method: "PATCH", headers, body });
  const tick = () => runtime.request("/ticks/schedules", { method: "POST" });
  const last = async () =>
    ((await (await runtime.request("/api/schedules")).json()) as { schedules: { last?: object }[] }).schedules[0]?.last;
  await run().catch(() => {});
  await runtime.waitForExit();
  await runtime.start();
  // If nothing was decided, the person asks again.
  const readMade = async () => {
    await tick();
    const made = await last();
    if (!made) await run();
    return made;
  };
  await expect.poll(readMade, WAIT).toMatchObject({ number: 1, tasks: [{ key: "ONB-1" }] });
  for (let ticks = 0; ticks < 2; ticks += 1) await tick();
  return plane.items(project).map(({ name }) => name);
}

const STORES = IS_FULL_RUN ? ["the file", ...(hasRedisServer() ? ["Redis"] : [])] : [];

test.for(STORES)("RECUR-03 on %s: kill -9 at each effect makes one task", { timeout: 400_000 }, async (name) => {
  const crashes = [1, 2, 3, 4].flatMap((nth) => (["before", "after"] as const).map((when) => ({ nth, when })));
  const run = async (crash: CrashPoint) => {
    const redis = name === "Redis" ? await startRedis() : undefined;
    onTestFinished(async () => redis?.stop());
    return { ...crash, titles: await runAndKill(crash, redis?.url) };
  };
  const outcomes = await Promise.all(crashes.map(run));
  expect(outcomes).toEqual(crashes.map((crash) => ({ ...crash, titles: ["Check the backups"] })));
});
