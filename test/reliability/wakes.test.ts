import { expect, test } from "vitest";
import { z } from "zod";
import { claimsTick } from "../../functions/work.ts";
import { createWakeSetup } from "../functions/wake/wake-setup.ts";
import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";
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
