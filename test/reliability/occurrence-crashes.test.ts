import { expect, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { OCCURRENCE_STEPS } from "./crash-at-loop-step.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const KILLS = OCCURRENCE_STEPS.flatMap((step) => [
  { step, when: "before" as const },
  { step, when: "after" as const },
]);
/** Its time does not come during the test: it is run by hand. */
const YEARLY = { name: "yearly", cron: "0 0 1 1 *", project: "ONB", title: "Check the backups" };
/** A minute, because what the killed process had locked is free only then, and room for a busy machine. */
const WAIT = { timeout: 200_000, interval: 500 };

/** Lets a process of its own be killed while it makes an occurrence, and returns the titles of what Plane has at the end. */
async function makeOccurrence({ step, when }: (typeof KILLS)[number], store: string | undefined) {
  const { plane, env, addProject } = await startSimulators();
  const project = addProject();
  const runtime = await spawnRuntime({
    env,
    config: { schedules: [YEARLY] },
    childOptions: { loopCrash: { step, when, nth: 1 }, ttl: 3_000 },
    ...(store === undefined ? {} : { store }),
  });
  await runtime.poll();
  const run = () =>
    runtime.request("/api/schedules/yearly", {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ run: true }),
    });
  await expect(run()).rejects.toThrow();
  await runtime.waitForExit();
  await runtime.start({ loopCrash: undefined });
  // Nothing was decided before the first step, so that the person asks again.
  if (step === OCCURRENCE_STEPS[0] && when === "before")
    await expect.poll(async () => (await run()).status, WAIT).toBe(200);
  const tick = () => runtime.request("/ticks/schedules", { method: "POST" });
  await expect
    .poll(async () => {
      await tick();
      return (await runtime.request("/api/schedules")).json();
    }, WAIT)
    .toMatchObject({ schedules: [{ name: "yearly", last: { number: 1, tasks: [{ key: "ONB-1" }] } }] });
  for (let ticks = 0; ticks < 2; ticks += 1) await tick();
  return { step, when, titles: plane.items(project).map(({ name }) => name) };
}

test.runIf(IS_FULL_RUN).for(["the file", ...(hasRedisServer() ? ["Redis"] : [])])(
  "RECUR-03 on %s: kill -9 before and after each step of an occurrence makes one task, not two and not none",
  { timeout: 400_000 },
  async (name) => {
    const openStore = async () => (name === "Redis" ? (await startRedis()).url : undefined);
    const outcomes = await Promise.all(KILLS.map(async (kill) => makeOccurrence(kill, await openStore())));
    expect(outcomes).toEqual(KILLS.map((kill) => ({ ...kill, titles: ["Check the backups"] })));
  },
);
