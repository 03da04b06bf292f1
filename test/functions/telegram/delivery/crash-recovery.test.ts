import { describe, expect, test } from "vitest";
import { crashOutboxAt, OUTBOX_SCENARIOS, REPEAT_MARK, takeOutboxJob } from "../outbox-crashes.ts";
import {
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  getChatTexts,
  parseTaskKeys,
  wrapBot,
} from "../outbox-setup.ts";

describe.each(OUTBOX_SCENARIOS)("a crash while $name (reliability 2)", ({ prepare, shown, sends }) => {
  test.each(["before", "after"] as const)("%s each step loses nothing and marks a repeat", async (when) => {
    let marked = 0;
    for (let at = 0; ; at += 1) {
      const rig = await createOutboxSetup({ burst: 600_000 });
      await enqueueNotices(rig.store, createNotices(1, shown.length));
      await prepare(rig);
      const killed = crashOutboxAt(rig, at, when);
      const job = await takeOutboxJob(rig);
      await rig.handleJob(job, killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.jobHandler.leaseMs;
      await rig.runUntilEmpty();
      const now = getChatTexts(rig.telegram);
      expect(parseTaskKeys(now.at(-1)), `step ${at}`).toEqual(shown);
      expect(now.filter((text) => !text.includes(REPEAT_MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (!sends) expect(now.join(), `step ${at}`).not.toContain(REPEAT_MARK);
      if (now.length > 1) {
        marked += 1;
        expect(now, `step ${at}`).toHaveLength(2);
        expect(now.at(-1), `step ${at}`).toContain(REPEAT_MARK);
      }
      expect(await rig.store.listDeadJobs("outbox")).toEqual([]);
      await rig.telegram.stop();
    }
    // The message is only sent twice after a crash between the send and the commit that follows it.
    expect(marked).toBe(sends ? 1 : 0);
  });
});

test("a short outage of the store after a send does not duplicate the message", async () => {
  const rig = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(rig.store, createNotices(1, 1));
  let failures = 2;
  let isSent = false;
  const telegram = wrapBot(rig.bot, (call) => {
    isSent = true;
    return call();
  });
  const commit: typeof rig.store.commit = async (commitRequest) => {
    if (isSent && failures > 0) {
      failures -= 1;
      throw new Error("the store is unavailable");
    }
    return rig.store.commit(commitRequest);
  };
  await rig.handleJob(await takeOutboxJob(rig), { telegram, store: { ...rig.store, commit } });
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1"]]);
});
