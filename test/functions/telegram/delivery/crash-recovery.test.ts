import { describe, expect, test } from "vitest";
import {
  handleUntilCrash,
  OUTBOX_SCENARIOS,
  REPEAT_MARK,
  repeatForEachStep,
  takeOutboxJob,
} from "../outbox-crashes.ts";
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
    await repeatForEachStep(async (at) => {
      const setup = await createOutboxSetup({ burst: 600_000 });
      await enqueueNotices(setup.store, createNotices(1, shown.length));
      await prepare(setup);
      if (!(await handleUntilCrash(setup, at, when))) return false;
      setup.time.now += setup.jobHandler.leaseMs;
      await setup.runUntilEmpty();
      const now = getChatTexts(setup.telegram);
      expect(parseTaskKeys(now.at(-1)), `step ${at}`).toEqual(shown);
      expect(now.filter((text) => !text.includes(REPEAT_MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (!sends) expect(now.join(), `step ${at}`).not.toContain(REPEAT_MARK);
      if (now.length > 1) {
        marked += 1;
        expect(now, `step ${at}`).toHaveLength(2);
        expect(now.at(-1), `step ${at}`).toContain(REPEAT_MARK);
      }
      expect(await setup.store.listDeadJobs("outbox")).toEqual([]);
      await setup.telegram.stop();
      return true;
    });
    // The message is only sent twice after a crash between the send and the commit that follows it.
    expect(marked).toBe(sends ? 1 : 0);
  });
});

test("a short outage of the store after a send does not duplicate the message", async () => {
  const setup = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(setup.store, createNotices(1, 1));
  let failures = 2;
  let isSent = false;
  const telegram = wrapBot(setup.bot, (call) => {
    isSent = true;
    return call();
  });
  const commit: typeof setup.store.commit = async (commitRequest) => {
    if (isSent && failures > 0) {
      failures -= 1;
      throw new Error("the store is unavailable");
    }
    return setup.store.commit(commitRequest);
  };
  await setup.handleJob(await takeOutboxJob(setup), { telegram, store: { ...setup.store, commit } });
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1"]]);
});
