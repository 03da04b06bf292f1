import { describe, expect, test } from "vitest";
import { CHAT, createRig, keys, notices, put, type Rig, texts, wrapped } from "./rig.ts";
import { takeOne } from "./steps.ts";

/** Works the job that is due, and before or after Telegram acts on its call `meanwhile` happens. */
async function during(rig: Rig, when: "before" | "after", meanwhile: () => Promise<void>) {
  const telegram = wrapped(rig.bot, async (call) => {
    if (when === "before") await meanwhile();
    const outcome = await call();
    if (when === "after") await meanwhile();
    return outcome;
  });
  await rig.work(await takeOne(rig), { telegram });
}

const told = async (rig: Rig, from: number, to = from) => {
  await put(rig.store, notices(from, to));
  await rig.due();
};

describe("a notice that comes while the message is being brought up to date", () => {
  test("is folded in while the edit waits for its turn, and shown by that edit", async () => {
    const rig = await createRig();
    await told(rig, 1, 2);
    rig.telegram.meet({ kind: "too_many", seconds: 10 });
    rig.time.now += 1_500;
    await rig.due();
    for (const n of [3, 4, 5]) await told(rig, n);
    await rig.run();
    expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3", "ONB-4", "ONB-5"]]);
    expect(rig.telegram.calls.map(({ outcome }) => outcome)).toEqual(["ok", "429", "ok"]);
  });

  test.each(["before", "after"] as const)("is shown by another edit when it comes %s Telegram edits", async (when) => {
    const rig = await createRig();
    await told(rig, 1, 2);
    rig.time.now += 1_500;
    await during(rig, when, () => told(rig, 3));
    expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2"]]);
    await rig.run();
    expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
    expect(rig.telegram.calls).toHaveLength(3);
  });

  test("is in the message that takes a deleted one's place", async () => {
    const rig = await createRig();
    await told(rig, 1, 2);
    rig.telegram.remove(CHAT, 1);
    rig.time.now += 1_500;
    await rig.work(await takeOne(rig));
    rig.time.now += 1_500;
    await during(rig, "after", () => told(rig, 3));
    await rig.run();
    expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  });

  test("is not lost with an edit that Telegram will never take", async () => {
    const rig = await createRig();
    await told(rig, 1, 2);
    const no = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;
    rig.telegram.meet(no, no);
    rig.time.now += 1_500;
    await rig.work(await takeOne(rig));
    rig.time.now += 1_500;
    await during(rig, "after", () => told(rig, 3));
    expect(await rig.store.dead("outbox")).toHaveLength(1);
    await rig.run();
    expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  });
});

test("a burst's edits do not wait for the chat's next notices, nor these for them", async () => {
  const rig = await createRig();
  for (let n = 1; n <= 40; n += 1) {
    await told(rig, n);
    rig.time.now += 500;
  }
  const edits = rig.telegram.calls.filter(({ method }) => method === "editMessageText").map(({ at }) => at);
  const gaps = edits.slice(1).map((at, i) => at - (edits[i] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2_000);
});
