import { expect, test } from "vitest";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { wakeHandler } from "../../functions/wake/wake-handler.ts";
import { createWorkRules, workHandler } from "../../functions/work.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createAgentTestApp } from "../support/agent-test-app.ts";
import { type CrashPoint, createCrashSimulator } from "../support/crash-simulator.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { KILL_STRIDE } from "./random-source.ts";

/** Longer than the lease of a job that the killed process had taken, and than the time until a wake is checked. */
const LEASE_OVER = 130_000;

/** A comment's webhook is handled by a process that is killed at this point; the next one goes on with the same store. */
async function commentAndCrash(html: string, crash: CrashPoint) {
  const simulator = createCrashSimulator();
  const gateway = await startGateway({ version: "2026.9.6" });
  const app = await createAgentTestApp({
    agents: { Thot: { role: "worker", wake: { kind: "openclaw", url: gateway.url } } },
    setUpPlane: () => ({ OPENCLAW_HOOK_TOKEN: gateway.token }),
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
    parts: {
      jobHandlers: [wakeHandler, workHandler],
      ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)],
    },
  });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(40_000);
  await app.runUntilIdle();
  const before = gateway.runs.length;
  app.plane.addComment(item, html);
  app.plane.runWorker();
  // What was answered is stored.
  for (const { body } of app.plane.deliveries.pending) await app.enqueueWebhook(body);
  app.plane.deliveries.dropAll();
  const outcome = await simulator.runUntilCrash(crash, async () => {
    await app.drain();
    app.advance(3_000);
    await app.drain();
  });
  simulator.reset();
  await app.restart();
  for (let n = 0; n < 4; n += 1) {
    app.advance(LEASE_OVER / 2);
    await app.drain();
  }
  const runs = gateway.runs.slice(before).map(({ message }) => message);
  return { died: outcome === "died", runs, app };
}

test.each([
  ["reliability 36: a remark is unread, and wakes its agent", "<p>In French</p>", "In French", "conflict"],
  ["reliability 37: a stop has ended the work, and wakes its agent", "<p>stop</p>", "stop at once", "stopped"],
])("%s once, or again when its wake may not have arrived, whenever it is killed", async (_, html, words, code) => {
  const wakes: number[] = [];
  for (let [nth, hasDied] = [1, true]; hasDied; nth += KILL_STRIDE) {
    const { died, runs, app } = await commentAndCrash(html, { nth, when: "after" });
    hasDied = died;
    wakes.push(runs.filter((message) => message.includes(words)).length);
    const change = { status: "done", text: "Done.", confidence: 0.9 } as const;
    const done = app.actAs("Thot").setStatus("ONB-1", change);
    await expect(done, `after effect ${nth}`).rejects.toMatchObject({ code });
  }
  expect(wakes.length * KILL_STRIDE).toBeGreaterThan(15);
  expect(wakes.filter((count) => count !== 1 && count !== 2)).toEqual([]);
  // A wake whose process ended before its answer was recorded may not have arrived.
  expect(wakes.filter((count) => count === 2).length).toBeLessThanOrEqual(3);
});
