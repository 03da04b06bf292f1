import { expect, test } from "vitest";
import { createWakeRules } from "../../../../functions/wake/rules.ts";
import { createWorkRules } from "../../../../functions/work.ts";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { prepareMessage } from "../../../../shared/tasks/people/remarks.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;

/** Creates a task in progress whose process can be killed while a person's words are handled. */
async function createCrashingApp() {
  const simulator = createCrashSimulator();
  const app = await createAgentTestApp({
    agents: { Thot: { role: "worker", wake: { kind: "openclaw", url: "http://127.0.0.1:9" } } },
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  await app.poll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  // The labels of the claimed task are written 15 s later.
  app.advance(40_000);
  await app.drain();
  const pendingWakes = async () => (await app.store.stats()).queues.wake.pending;
  /** Handles a reply in Telegram, is killed at a crash point, and continues in a new process. */
  async function replyAndCrash(text: string, crash: CrashPoint) {
    const wakesBefore = await pendingWakes();
    const outcome = await simulator.runUntilCrash(crash, async () => {
      const task = await findStoredTask(app.deps, item.id);
      if (!task) throw new Error("The task is not stored.");
      const { update } = await prepareMessage(app.deps, task, { id: "update-1", by: "Ada", text }, "c");
      const { afterCommit, ...commit } = update;
      await app.store.commit(commit);
      await afterCommit?.();
      await app.drain();
    });
    simulator.reset();
    await app.restart();
    for (let n = 0; n < 3; n += 1) {
      app.advance(LEASE_OVER / 2);
      await app.drain();
    }
    const comments = app.readComments(item);
    return {
      died: outcome === "died",
      comments: comments.filter((html) => html.includes("wrote:")).length,
      stops: comments.filter((html) => html.includes("Stopped by")).length,
      cards: comments.filter((html) => html.includes("Agent card")),
      events: app.actions.filter(({ event }) => event.kind === "addressed" || event.kind === "claim_lost").length,
      wakes: (await pendingWakes()) - wakesBefore,
    };
  }
  return { app, item, replyAndCrash };
}

/** Runs the scenario with a crash after each effect, or every second; the one before covers an effect that was lost. */
async function everywhere(least: number, scene: (crash: CrashPoint) => Promise<boolean>) {
  let nth = 1;
  while (await scene({ nth, when: "after" })) nth += process.env["FULL"] ? 1 : 2;
  expect(nth).toBeGreaterThan(least);
}

test("reliability 2: when the process is killed at any effect of a person's words, they are one comment, one event and one receipt", async () => {
  await everywhere(4, async (crash) => {
    const { replyAndCrash } = await createCrashingApp();
    const { died, comments, cards, events } = await replyAndCrash("Which one?", crash);
    expect({ comments, events }, JSON.stringify(crash)).toEqual({ comments: 1, events: 1 });
    expect(cards).toHaveLength(1);
    expect(cards[0]).toContain("“Which one?”");
    return died;
  });
});

test("reliability 2: when the process is killed at any effect of a stop, the work is stopped once and the task is back in todo", async () => {
  await everywhere(6, async (crash) => {
    const { app, item, replyAndCrash } = await createCrashingApp();
    const { died, comments, stops, cards, events } = await replyAndCrash("stop", crash);
    expect({ comments, stops, events }, JSON.stringify(crash)).toEqual({ comments: 1, stops: 1, events: 1 });
    expect(cards).toHaveLength(1);
    expect(app.readPlaneItem(item).state).toBe("Todo");
    await expect(app.actAs("Thot").claim("ONB-1")).rejects.toMatchObject({ code: "stopped" });
    return died;
  });
});
