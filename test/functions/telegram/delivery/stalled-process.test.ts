import { describe, expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import {
  freezeOutboxAt,
  handleUntilCrash,
  OUTBOX_SCENARIOS,
  REPEAT_MARK,
  repeatForEachStep,
  takeOutboxJob,
  waitUntil,
} from "../outbox-crashes.ts";
import { createNotices, createOutboxSetup, enqueueNotices, getChatTexts, parseTaskKeys } from "../outbox-setup.ts";

const STALLS = [
  { when: "after", clock: "running" },
  { when: "after", clock: "stopped" },
  { when: "before", clock: "running" },
  { when: "before", clock: "stopped" },
] as const;

describe.each(OUTBOX_SCENARIOS)("a process frozen past its lease while $name", ({ prepare, shown, sends }) => {
  test.each(STALLS.slice(0, pickSize(4, 3)))(
    "$when each step, with its clock $clock, changes nothing that another process has done",
    async (stall) => {
      await repeatForEachStep(async (at) => {
        const setup = await createOutboxSetup({ burst: 600_000 });
        await enqueueNotices(setup.store, createNotices(1, shown.length));
        await prepare(setup);
        const frozen = freezeOutboxAt(setup, at, stall.when);
        const clockDeps = stall.clock === "running" ? {} : { clock: () => 0 };
        const process = { isFinished: false };
        const sleeping = setup.handleJob(await takeOutboxJob(setup), { ...frozen.deps, ...clockDeps }).finally(() => {
          process.isFinished = true;
        });
        await waitUntil(() => process.isFinished || frozen.asleep());
        if (process.isFinished) return false;
        const before = frozen.reached.slice(0, at + 1);
        setup.time.now += setup.jobHandler.leaseMs;
        await enqueueNotices(setup.store, createNotices(50, 50));
        await setup.runUntilEmpty();
        setup.time.now += 1_000;
        frozen.wake();
        await sleeping;
        await setup.runUntilEmpty();
        const now = getChatTexts(setup.telegram);
        const step = `step ${at}, ${before.at(-1)}`;
        expect([...new Set(now.flatMap(parseTaskKeys))].sort(), step).toEqual([...shown, "ONB-50"].sort());
        for (const text of now) expect(parseTaskKeys(text), step).toEqual([...new Set(parseTaskKeys(text))]);
        const copies = now.filter((text) => parseTaskKeys(text).includes(shown.at(-1) ?? ""));
        // With a stopped clock the process cannot know, between the attempt and the call, that its lease has expired.
        const mayDouble = before.includes("telegram") || (stall.clock !== "running" && before.includes("commit"));
        expect(copies.length, step).toBeLessThanOrEqual(sends && mayDouble ? 2 : 1);
        expect(copies.filter((text) => !text.includes(REPEAT_MARK)).length, step).toBeLessThanOrEqual(1);
        if (stall.clock === "running" && !before.includes("telegram")) expect(frozen.reached).not.toContain("telegram");
        await setup.telegram.stop();
        return true;
      });
    },
  );
});

/** Number of the step that sends the first message. */
const SEND_STEP = 7;

test("a late failure does not end the attempt of the process that took over", async () => {
  const setup = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(setup.store, createNotices(1, 1));
  setup.telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  const slow = freezeOutboxAt(setup, SEND_STEP, "after");
  const sleeping = setup.handleJob(await takeOutboxJob(setup), { ...slow.deps, clock: () => 0 });
  await waitUntil(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("telegram");
  setup.time.now += setup.jobHandler.leaseMs;
  expect(await handleUntilCrash(setup, SEND_STEP, "after")).toBe(true);
  expect(setup.telegram.calls).toHaveLength(2);
  slow.wake();
  await sleeping;
  setup.time.now += setup.jobHandler.leaseMs;
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map((text) => text.includes(REPEAT_MARK))).toEqual([true, true]);
});

test("a process that resumes during another's attempt does not send without a mark", async () => {
  const setup = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(setup.store, createNotices(1, 1));
  const slow = freezeOutboxAt(setup, SEND_STEP - 1);
  const sleeping = setup.handleJob(await takeOutboxJob(setup), { ...slow.deps, clock: () => 0 });
  await waitUntil(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("commit");
  setup.time.now += setup.jobHandler.leaseMs;
  expect(await handleUntilCrash(setup, SEND_STEP, "after")).toBe(true);
  setup.time.now += 1_000;
  slow.wake();
  await sleeping;
  setup.time.now += setup.jobHandler.leaseMs;
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map((text) => text.includes(REPEAT_MARK))).toEqual([false, true]);
});
