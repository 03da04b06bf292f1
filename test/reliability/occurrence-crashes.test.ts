import { expect, test } from "vitest";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createSchedulesApp } from "../functions/schedules-app.ts";
import { type CrashPoint, createCrashSimulator } from "../support/crash-simulator.ts";
import { FIRST_KILL, KILL_STRIDE } from "./random-source.ts";

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

test.each(["before", "after"] as const)(
  "RECUR-03 a process that is killed %s any effect of an occurrence makes one task, not two and not none",
  async (when) => {
    let nth = FIRST_KILL[when];
    for (let hasDied = true; hasDied; nth += KILL_STRIDE) {
      const { died, titles } = await makeOccurrence({ nth, when });
      expect([nth, titles]).toEqual([nth, ["Check Nov 21, 2026"]]);
      hasDied = died;
    }
    expect(nth).toBeGreaterThan(8);
  },
);
