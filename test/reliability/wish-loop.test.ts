import { expect, test } from "vitest";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { LOOP_STEPS, type LoopStep } from "./crash-at-loop-step.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { startLoop, WHOLE_RESULT } from "./wish-loop-app.ts";

interface Kill {
  step: LoopStep;
  when: "before" | "after";
  nth: number;
}

/** Lease of a job: 3 s, after which a restarted process takes up the jobs of the killed one. */
const SHORT_LEASE_MS = 3_000;
const SUMMARY_WAIT = { timeout: 350_000, interval: 100 };

/** Lets the loop run to the summary; each time the product is killed, it is restarted to be killed at the next step. */
async function runLoop(kills: readonly Kill[], ttl?: number) {
  const [first, ...others] = kills;
  const toOptions = (loopCrash: Kill | undefined) => omitUndefined({ loopCrash, ttl });
  const loop = await startLoop(toOptions(first));
  const { runtime } = loop;
  await runtime.poll();
  await loop.writeWish();
  const pending = [...others];
  let isEnding = false;
  const restarts = (async () => {
    for (let n = 0; n < kills.length; n += 1) {
      await runtime.waitForExit();
      if (isEnding) return;
      // It may be killed before it listens, and is restarted all the same.
      await runtime.start({ loopCrash: undefined, ...toOptions(pending.shift()) }).catch(() => undefined);
    }
  })();
  await expect.poll(async () => loop.advance().then(loop.isSummedUp), SUMMARY_WAIT).toBe(true);
  await restarts;
  // What would come twice comes with the next polls.
  for (let polls = 0; polls < 3; polls += 1) await loop.advance();
  await expect.poll(async () => loop.advance().then(loop.isQuiet), SUMMARY_WAIT).toBe(true);
  isEnding = true;
  return { ...loop, result: loop.readResult(), summary: loop.readSummary() };
}

// The usual run has the same way, with a person's hands on the page, in test/browser/whole-day.test.ts.
test.runIf(IS_FULL_RUN)(
  "reliability 35: a wish becomes a question, a plan that a tap approves, tasks in order, a review and one summary",
  async () => {
    const { result, narrated, summary } = await runLoop([]);
    expect(result).toEqual(WHOLE_RESULT);
    const story = narrated.filter((line) => / (starts|reads|presses) /.test(line));
    expect(story).toEqual([
      "Ada presses “a project of its own”",
      "Ada presses “✅ Approve”",
      "Ptah starts WN-1 “Design: write a newsletter”",
      "Seshat starts WN-2 “Build: write a newsletter”",
      "Seshat reads WN-1.md, the result of WN-1 “Design: write a newsletter”",
      "Ptah starts WN-3 “Test: write a newsletter”",
      "Ptah reads WN-2.md, the result of WN-2 “Build: write a newsletter”",
      "Ada presses “✅ Approve”",
    ]);
    expect(summary).toMatch(/\nTime: \d+ s\. Cost: 0\.\u2060?36 EUR\.$/);
  },
  120_000,
);

test.runIf(IS_FULL_RUN).for(["before", "after"] as const)(
  "reliability 35: kill -9 %s each step of one wish causes no second plan, task, wake or message",
  { timeout: 400_000 },
  async (when) => {
    // At the first occurrence of each step, in the order in which they happen.
    const kills = LOOP_STEPS.map((step): Kill => ({ step, when, nth: 1 }));
    const { result, runtime } = await runLoop(kills, SHORT_LEASE_MS);
    expect(runtime.startCount).toBe(kills.length + 1);
    expect(result).toEqual(WHOLE_RESULT);
  },
);
