import { expect, test } from "vitest";
import { z } from "zod";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { wakeHandler } from "../../functions/wake/wake-handler.ts";
import { claimsTick, createWorkRules, workHandler } from "../../functions/work.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createWakeSetup } from "../functions/wake/wake-setup.ts";
import { createAgentTestApp } from "../support/agent-test-app.ts";
import { createCrashSimulator } from "../support/crash-simulator.ts";
import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { FIRST_KILL, KILL_STRIDE } from "./random-source.ts";

const MINUTE = 60;
const NEVER = Number.POSITIVE_INFINITY;

const listSchema = z.object({ tasks: z.array(z.object({ key: z.string(), status: z.string() })) });

/** A process that ends at a step that concerns wakes: a commit of wakes, calls and claims, a settled wake, a request. */
function createWakeCrash(nth: number, when: CrashPoint["when"]) {
  const process = createCrashingProcess({ nth, when }, (name, [first]) => {
    if (name === "fetch") return String(first instanceof Request ? first.url : first).includes("/hooks/");
    if (name === "acknowledge") return Reflect.get(Object(first), "queue") === "wake";
    const { put = [] } = Object(first) as { put?: { key: string }[] };
    return name === "commit" && put.some(({ key }) => /^(wake|seen|claim):/.test(key));
  });
  return { ...process, wrapStore: process.wrap };
}

/**
 * Two tasks and an agent that does one task per run, until both are done, with a process that ends at its `nth` step
 * that concerns wakes. Minutes pass with their ticks, as in the running product.
 */
async function runTeam(nth: number, when: "before" | "after") {
  const crash = createWakeCrash(nth, when);
  const wrappers = [crash];
  const wrapProcess = () => wrappers.shift() ?? createWakeCrash(NEVER, "before");
  const setup = await createWakeSetup("2026.2.26", {}, undefined, { wrapProcess });
  const { app, gateway, notices } = setup;
  const isDone = () => app.plane.items(app.onb).every(({ completed_at }) => completed_at !== null);
  let handled = 0;

  let hasRestarted = false;

  /** Runs something in the process; when the process ends meanwhile, starts the next one. */
  async function tryInProcess<T>(act: () => Promise<T>): Promise<T | "over"> {
    if (hasRestarted) return act();
    const result = await Promise.race([act(), crash.crashed]);
    if (result !== "over") return result;
    hasRestarted = true;
    await app.restart();
    await app.listenAgain();
    return result;
  }
  /** The agent repeats a call that got no answer. */
  async function callTool(tool: string, input: object = {}): Promise<unknown> {
    const answer = await tryInProcess(() => app.callTool("Imhotep", tool, input));
    return answer === "over" ? callTool(tool, input) : answer.json;
  }

  app.addTask("One", "Imhotep");
  app.addTask("Two", "Imhotep");
  app.plane.runWorker();
  for (const { body } of app.plane.deliveries.pending) await app.enqueueWebhook(body);
  app.plane.deliveries.dropAll();
  for (let second = 0; second < 60 * MINUTE && !isDone(); second++) {
    await tryInProcess(() => app.drain());
    app.advance(1_000);
    if (second % MINUTE === 0) await tryInProcess(() => claimsTick.run(app.deps));
    if (second % (5 * MINUTE) === 0) await tryInProcess(() => app.poll());
    if (gateway.runs.filter(({ agent }) => agent === "imhotep").length <= handled) continue;
    handled += 1;
    const { tasks } = listSchema.parse(await callTool("list_my_tasks"));
    const [task] = tasks;
    if (!task) continue;
    await callTool("update_task_status", { task: task.key, status: "in_progress" });
    await callTool("update_task_status", { task: task.key, status: "done", text: "Done.", confidence: 0.9 });
  }
  for (let second = 0; second < 90 * MINUTE; second += 30) {
    await tryInProcess(() => app.drain());
    app.advance(30_000);
  }
  const runs = gateway.runs.filter(({ agent }) => agent === "imhotep");
  const deadJobs = await app.store.listDeadJobs("wake");
  return { steps: crash.state.steps, isDone: isDone(), runs: runs.length, notices, deadJobs };
}

test("reliability 30: an agent that does one task per run is woken once per task, and kill -9 before and after each step of a wake leaves no task idle and costs at most one more wake", async () => {
  const { steps, ...undisturbed } = await runTeam(NEVER, "before");
  expect(undisturbed).toMatchObject({ isDone: true, runs: 2, deadJobs: [] });
  expect(undisturbed.notices.filter((notice) => notice.includes("Imhotep"))).toEqual([]);
  expect(steps).toBeGreaterThan(15);
  for (const when of ["before", "after"] as const) {
    for (let nth = FIRST_KILL[when]; nth <= steps; nth += KILL_STRIDE) {
      const { isDone, runs, notices, deadJobs } = await runTeam(nth, when);
      const said = notices.filter((notice) => notice.includes("Imhotep"));
      const at = `${when} step ${nth}`;
      expect({ at, isDone, deadJobs, said }).toEqual({ at, isDone: true, deadJobs: [], said: [] });
      expect(runs, at).toBeLessThanOrEqual(3);
    }
  }
}, 300_000);

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
