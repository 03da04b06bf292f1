import { describe, expect, test } from "vitest";
import { createRig, keys, notices, put, texts } from "./rig.ts";
import { frozenAt, killedAt, MARK, SCENES, takeOne, until } from "./steps.ts";

const SLEEPS = [
  { when: "before", clock: "right" },
  { when: "after", clock: "right" },
  { when: "before", clock: "standing still" },
  { when: "after", clock: "standing still" },
] as const;

describe.each(SCENES)("a process frozen past its lease while $name", ({ prepare, shown, sends }) => {
  test.each(SLEEPS)("$when each step, its clock $clock: it changes nothing that others have done", async (sleep) => {
    for (let at = 0; ; at += 1) {
      const rig = await createRig({ burst: 600_000 });
      await put(rig.store, notices(1, shown.length));
      await prepare(rig);
      const frozen = frozenAt(rig, at, sleep.when);
      const still = sleep.clock === "right" ? {} : { clock: () => 0 };
      const process = { over: false };
      const sleeping = rig.work(await takeOne(rig), { ...frozen.deps, ...still }).finally(() => {
        process.over = true;
      });
      await until(() => process.over || frozen.asleep());
      if (process.over) break;
      const before = frozen.reached.slice(0, at + 1);
      rig.time.now += rig.worker.ttl;
      await put(rig.store, notices(50, 50));
      await rig.run();
      rig.time.now += 1_000;
      frozen.wake();
      await sleeping;
      await rig.run();
      const now = texts(rig.telegram);
      const step = `step ${at}, ${before.at(-1)}`;
      expect([...new Set(now.flatMap(keys))].sort(), step).toEqual([...shown, "ONB-50"].sort());
      for (const text of now) expect(keys(text), step).toEqual([...new Set(keys(text))]);
      const copies = now.filter((text) => keys(text).includes(shown.at(-1) ?? ""));
      // With a clock that stands still nobody can know, between the attempt and the call, that the lease is over.
      const mayDouble = before.includes("telegram") || (sleep.clock !== "right" && before.includes("commit"));
      expect(copies.length, step).toBeLessThanOrEqual(sends && mayDouble ? 2 : 1);
      expect(copies.filter((text) => !text.includes(MARK)).length, step).toBeLessThanOrEqual(1);
      if (sleep.clock === "right" && !before.includes("telegram")) expect(frozen.reached).not.toContain("telegram");
      await rig.telegram.stop();
    }
  });
});

/** The step at which a first message is sent. */
const CALL = 7;

test("a late failure does not unmark the attempt of the process that took over", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 1));
  rig.telegram.meet({ kind: "error", status: 500, description: "Internal Server Error" });
  const slow = frozenAt(rig, CALL, "after");
  const sleeping = rig.work(await takeOne(rig), { ...slow.deps, clock: () => 0 });
  await until(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("telegram");
  rig.time.now += rig.worker.ttl;
  const killed = killedAt(rig, CALL, "after");
  await rig.work(await takeOne(rig), killed.deps).catch(() => {});
  expect(killed.reached.at(-1)).toBe("telegram");
  slow.wake();
  await sleeping;
  rig.time.now += rig.worker.ttl;
  await rig.run();
  expect(texts(rig.telegram).map((text) => text.includes(MARK))).toEqual([true, true]);
});

test("a process that wakes between another's attempt and its end does not send unmarked", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 1));
  const slow = frozenAt(rig, CALL - 1);
  const sleeping = rig.work(await takeOne(rig), { ...slow.deps, clock: () => 0 });
  await until(() => slow.asleep());
  expect(slow.reached.at(-1)).toBe("commit");
  rig.time.now += rig.worker.ttl;
  const killed = killedAt(rig, CALL, "after");
  await rig.work(await takeOne(rig), killed.deps).catch(() => {});
  rig.time.now += 1_000;
  slow.wake();
  await sleeping;
  rig.time.now += rig.worker.ttl;
  await rig.run();
  expect(texts(rig.telegram).map((text) => text.includes(MARK))).toEqual([false, true]);
});

test("an edit that a frozen process makes late is put right", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 2));
  await rig.due();
  rig.time.now += 1_500;
  const frozen = frozenAt(rig, 0);
  const deps = { ...frozen.deps, store: rig.store, clock: () => 0 };
  const sleeping = rig.work(await takeOne(rig), deps);
  await until(() => frozen.reached.includes("telegram"));
  await put(rig.store, notices(3, 3));
  rig.time.now += rig.worker.ttl;
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  rig.time.now += 1_000;
  frozen.wake();
  await sleeping;
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2"]]);
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});
