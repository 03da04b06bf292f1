import { describe, expect, test } from "vitest";
import { createWakeRules } from "../../../../functions/wake/rules.ts";
import { createWorkRules } from "../../../../functions/work.ts";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { readTaskQuestions } from "../../../../shared/tasks/people/questions.ts";
import { HOUR } from "../../../../shared/time.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { answerQuestion } from "../../../support/answer-request.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;

async function createCrashingApp(version: "1.3.1" | "1.2.2") {
  const simulator = createCrashSimulator();
  const app = await createAgentTestApp({
    version,
    agents: { Thot: { role: "worker", wake: { kind: "openclaw", url: "http://127.0.0.1:9" } } },
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  // The agent is woken for the task once its blockers are known.
  await app.poll();
  const pendingWakes = async () => (await app.store.stats()).queues.wake.pending;
  // The new task has already woken its agent.
  const wakesBefore = await pendingWakes();
  const ask = () => app.actAs("Thot").ask("ONB-1", { text: "Which?", choices: ["Red", "Blue"] });
  /** Kills the process at a crash point; the next one continues when the killed one's leases have expired. */
  async function killed(crash: CrashPoint, act: () => Promise<unknown>, again = act): Promise<boolean> {
    const outcome = await simulator.runUntilCrash(crash, act);
    simulator.reset();
    await app.restart();
    app.advance(LEASE_OVER);
    await again();
    await app.drain();
    return outcome === "died";
  }
  /** What people, Plane and the agent have received. */
  async function state() {
    const questions = await readTaskQuestions(app.deps, item.id);
    const comments = app
      .readComments(item)
      .map((comment) => /<strong>([\w ]+)<\/strong>/.exec(comment)?.[1] ?? "a reply");
    const events = app.actions.filter(({ event }) => event.kind === "asked" || event.kind === "answered");
    return {
      comments: comments.sort(),
      told: events.map(({ event }) => ("reminder" in event ? `asked ${event.reminder}` : event.kind)),
      questions: questions.map(({ verdict, reminders }) => [verdict?.comment, reminders]),
      woken: (await pendingWakes()) - wakesBefore,
    };
  }
  return { app, item, ask, killed, state };
}

/** With FULL the process is killed at each effect, otherwise at some with one version and at others with the other. */
const FIRST_KILLS = { "1.3.1": 1, "1.2.2": pickSize(1, 3) };
const STRIDE = pickSize(1, 4);

describe.each(["1.3.1", "1.2.2"] as const)(
  "reliability 2 on Plane %s: when the process is killed before or after any effect,",
  (version) => {
    /** Runs the scenario with a crash at one effect after another, until one ends without a crash. */
    async function everywhere(least: number, scene: (crash: CrashPoint) => Promise<boolean>) {
      for (const when of ["before", "after"] as const) {
        let nth = FIRST_KILLS[version];
        while (await scene({ nth, when })) nth += STRIDE;
        expect(nth).toBeGreaterThan(least);
      }
    }

    test("a reminder is sent once, and the second one at its time", async () => {
      await everywhere(1, async (crash) => {
        const { app, ask, killed, state } = await createCrashingApp(version);
        await ask();
        await app.drain();
        app.advance(HOUR);
        const died = await killed(crash, () => app.drain());
        expect(await state(), JSON.stringify(crash)).toMatchObject({
          told: ["asked 0", "asked 1"],
          questions: [[undefined, 1]],
        });
        app.advance(5 * HOUR);
        await app.drain();
        expect(await state(), JSON.stringify(crash)).toMatchObject({ told: ["asked 0", "asked 1", "asked 2"] });
        return died;
      });
    });

    test("an answer is recorded once, becomes one comment and wakes the agent once", async () => {
      await everywhere(2, async (crash) => {
        const { app, ask, killed, state } = await createCrashingApp(version);
        const { id } = await ask();
        await app.drain();
        const died = await killed(crash, async () => {
          await answerQuestion(app.deps, id, { text: "Red", by: "Ada" });
          await app.drain();
        });
        expect(await state(), JSON.stringify(crash)).toEqual({
          comments: ["Answer", "Question"],
          told: ["asked 0", "answered"],
          questions: [["Red", 0]],
          woken: 1,
        });
        return died;
      });
    });

    test("an answer that people write in Plane is recorded once and wakes the agent once", async () => {
      await everywhere(2, async (crash) => {
        const { app, item, ask, killed, state } = await createCrashingApp(version);
        await ask();
        await app.drain();
        app.advance(2_000);
        app.plane.addComment(item, "<p>Blue</p>");
        app.dropWebhooks();
        const died = await killed(crash, () => app.poll());
        // Labels of the claimed task are written meanwhile, and jobs that were cut off wait for the end of their leases.
        for (let n = 0; n < 10; n += 1) {
          app.advance(30_000);
          await app.drain();
        }
        expect(await state(), JSON.stringify(crash)).toEqual({
          comments: ["Agent card", "Question", "a reply"],
          told: ["asked 0", "answered"],
          questions: [["Blue", 0]],
          woken: 1,
        });
        return died;
      });
    });
  },
);
