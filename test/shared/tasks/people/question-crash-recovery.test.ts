import { expect, test } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { readTaskQuestions } from "../../../../shared/tasks/people/questions.ts";
import { HOUR } from "../../../../shared/time.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createAgentTestApp, WORK_RULES } from "../../../support/agent-test-app.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;

/** Kills the process while it reminds of a question, and returns whether it got there. */
async function remindAndCrash(crash: CrashPoint): Promise<boolean> {
  const simulator = createCrashSimulator();
  const app = await createAgentTestApp({
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
    parts: WORK_RULES,
  });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const readReminders = () =>
    app.actions.flatMap(({ event }) => (event.kind === "asked" && "reminder" in event ? [event.reminder] : []));
  await app.actAs("Thot").ask("ONB-1", { text: "Which?" });
  await app.drain();
  app.advance(HOUR);
  const outcome = await simulator.runUntilCrash(crash, () => app.drain());
  simulator.reset();
  await app.restart();
  app.advance(LEASE_OVER);
  await app.drain();
  expect(readReminders(), JSON.stringify(crash)).toEqual([0, 1]);
  expect(await readTaskQuestions(app.deps, item.id)).toMatchObject([{ reminders: 1 }]);
  app.advance(5 * HOUR);
  await app.drain();
  expect(readReminders(), JSON.stringify(crash)).toEqual([0, 1, 2]);
  return outcome === "died";
}

test("reliability 2: when the process is killed before or after any effect, a reminder is sent once, and the second one at its time", async () => {
  for (const when of ["before", "after"] as const) {
    let nth = 1;
    while (await remindAndCrash({ nth, when })) nth += pickSize(1, 3);
    expect(nth).toBeGreaterThan(1);
  }
});
