import { describe, expect, test } from "vitest";
import {
  crashOutboxAt,
  freezeOutboxAt,
  OUTBOX_SCENARIOS,
  REPEAT_MARK,
  takeOutboxJob,
  waitUntil,
} from "../outbox-crashes.ts";
import { createNotices, createOutboxSetup, enqueueNotices, getChatTexts, parseTaskKeys } from "../outbox-setup.ts";

const STALLS = [
  { when: "before", clock: "running" },
  { when: "after", clock: "running" },
  { when: "before", clock: "stopped" },
  { when: "after", clock: "stopped" },
] as const;

describe.each(OUTBOX_SCENARIOS)("a process frozen past its lease while $name", ({ prepare, shown, sends }) => {
  test.each(STALLS)(
    "$when each step, with its clock $clock, changes nothing that another process has done",
    async (stall) => {
      for (let at = 0; ; at += 1) {
        const rig = await createOutboxSetup({ burst: 600_000 });
        await enqueueNotices(rig.store, createNotices(1, shown.length));
        await prepare(rig);
        const frozen = freezeOutboxAt(rig, at, stall.when);
        const clockDeps = stall.clock === "running" ? {} : { clock: () => 0 };
        const process = { isFinished: false };
        const sleeping = rig.handleJob(await takeOutboxJob(rig), { ...frozen.deps, ...clockDeps }).finally(() => {
          process.isFinished = true;
        });
        await waitUntil(() => process.isFinished || frozen.asleep());
        if (process.isFinished) break;
        const before = frozen.reached.slice(0, at + 1);
        rig.time.now += rig.jobHandler.leaseMs;
        await enqueueNotices(rig.store, createNotices(50, 50));
        await rig.runUntilEmpty();
        rig.time.now += 1_000;
        frozen.wake();
        await sleeping;
        await rig.runUntilEmpty();
        const now = getChatTexts(rig.telegram);
        const step = `step ${at}, ${before.at(-1)}`;
        expect([...new Set(now.flatMap(parseTaskKeys))].sort(), step).toEqual([...shown, "ONB-50"].sort());
        for (const text of now) expect(parseTaskKeys(text), step).toEqual([...new Set(parseTaskKeys(text))]);
        const copies = now.filter((text) => parseTaskKeys(text).includes(shown.at(-1) ?? ""));
        // With a stopped clock the process cannot know, between the attempt and the call, that its lease has expired.
        const mayDouble = before.includes("telegram") || (stall.clock !== "running" && before.includes("commit"));
        expect(copies.length, step).toBeLessThanOrEqual(sends && mayDouble ? 2 : 1);
        expect(copies.filter((text) => !text.includes(REPEAT_MARK)).length, step).toBeLessThanOrEqual(1);
        if (stall.clock === "running" && !before.includes("telegram")) expect(frozen.reached).not.toContain("telegram");
        await rig.telegram.stop();
      }
    },
  );
});

/** Number of the step that sends the first message. */
const SEND_STEP = 7;

test("a late failure does not end the attempt of the process that took over", async () => {
  const rig = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(rig.store, createNotices(1, 1));
  rig.telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  const slow = freezeOutboxAt(rig, SEND_STEP, "after");
  const sleeping = rig.handleJob(await takeOutboxJob(rig), { ...slow.deps, clock: () => 0 });
  await waitUntil(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("telegram");
  rig.time.now += rig.jobHandler.leaseMs;
  const killed = crashOutboxAt(rig, SEND_STEP, "after");
  await rig.handleJob(await takeOutboxJob(rig), killed.deps).catch(() => {});
  expect(killed.reached.at(-1)).toBe("telegram");
  slow.wake();
  await sleeping;
  rig.time.now += rig.jobHandler.leaseMs;
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map((text) => text.includes(REPEAT_MARK))).toEqual([true, true]);
});

test("a process that resumes during another's attempt does not send without a mark", async () => {
  const rig = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(rig.store, createNotices(1, 1));
  const slow = freezeOutboxAt(rig, SEND_STEP - 1);
  const sleeping = rig.handleJob(await takeOutboxJob(rig), { ...slow.deps, clock: () => 0 });
  await waitUntil(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("commit");
  rig.time.now += rig.jobHandler.leaseMs;
  const killed = crashOutboxAt(rig, SEND_STEP, "after");
  await rig.handleJob(await takeOutboxJob(rig), killed.deps).catch(() => {});
  rig.time.now += 1_000;
  slow.wake();
  await sleeping;
  rig.time.now += rig.jobHandler.leaseMs;
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map((text) => text.includes(REPEAT_MARK))).toEqual([false, true]);
});

test("a late edit by a frozen process is corrected", async () => {
  const rig = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(rig.store, createNotices(1, 2));
  await rig.handleDueJobs();
  rig.time.now += 1_500;
  const frozen = freezeOutboxAt(rig, 0);
  const deps = { ...frozen.deps, store: rig.store, clock: () => 0 };
  const sleeping = rig.handleJob(await takeOutboxJob(rig), deps);
  await waitUntil(() => frozen.reached.includes("telegram"));
  await enqueueNotices(rig.store, createNotices(3, 3));
  rig.time.now += rig.jobHandler.leaseMs;
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  rig.time.now += 1_000;
  frozen.wake();
  await sleeping;
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});
