import { describe, expect, test } from "vitest";
import { createRig, keys, notices, put, texts, wrapped } from "./rig.ts";
import { killedAt, MARK, SCENES, takeOne } from "./steps.ts";

describe.each(SCENES)("a kill while $name (reliability 2)", ({ prepare, shown, sends }) => {
  test.each(["before", "after"] as const)("%s each step: nothing is lost, and a repeat is marked", async (when) => {
    let marked = 0;
    for (let at = 0; ; at += 1) {
      const rig = await createRig({ burst: 600_000 });
      await put(rig.store, notices(1, shown.length));
      await prepare(rig);
      const killed = killedAt(rig, at, when);
      const job = await takeOne(rig);
      await rig.work(job, killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.worker.ttl;
      await rig.run();
      const now = texts(rig.telegram);
      expect(keys(now.at(-1)), `step ${at}`).toEqual(shown);
      expect(now.filter((text) => !text.includes(MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (!sends) expect(now.join(), `step ${at}`).not.toContain(MARK);
      if (now.length > 1) {
        marked += 1;
        expect(now, `step ${at}`).toHaveLength(2);
        expect(now.at(-1), `step ${at}`).toContain(MARK);
      }
      expect(await rig.store.dead("outbox")).toEqual([]);
      await rig.telegram.stop();
    }
    // Doubled only when killed between Telegram's doing it and the commit that follows.
    expect(marked).toBe(sends ? 1 : 0);
  });
});

test("a store that fails for a moment after the send does not double the message", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 1));
  let failures = 2;
  let sent = false;
  const telegram = wrapped(rig.bot, (call) => {
    sent = true;
    return call();
  });
  const commit: typeof rig.store.commit = async (what) => {
    if (sent && failures > 0) {
      failures -= 1;
      throw new Error("the store is away");
    }
    return rig.store.commit(what);
  };
  await rig.work(await takeOne(rig), { telegram, store: { ...rig.store, commit } });
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1"]]);
});
