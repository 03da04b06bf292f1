import { describe, expect, test } from "vitest";
import { createLiveRefreshJob } from "../../../../shared/jobs/outgoing-jobs.ts";
import { toRequestPut } from "../../../../shared/requests/requests.ts";
import type { AnyEvent } from "../../../../shared/task/events.ts";
import type { RequestRecord } from "../../../../shared/task/request.ts";
import { handleUntilCrash, REPEAT_MARK, repeatForEachStep } from "../outbox-crashes.ts";
import {
  createNotice,
  createOutboxSetup,
  enqueueNotices,
  OUTBOX_CHAT,
  type OutboxSetup,
  PLANE_BASE_URL,
} from "../outbox-setup.ts";

const ASKED_EVENT: AnyEvent = {
  kind: "asked",
  question: "question-1",
  agent: "Imhotep",
  text: "Which colour?",
  choices: ["Blue", "Red"],
  urgency: "normal",
  reminder: 0,
};

const QUESTION: RequestRecord = {
  id: "question-1",
  kind: "question",
  subject: { title: "Task 1", item: "item-1", key: "ONB-1", url: `${PLANE_BASE_URL}/javisi/browse/ONB-1/` },
  from: "Imhotep",
  urgency: "normal",
  createdAt: 0,
  reminders: 0,
  text: "Which colour?",
  input: [],
  hash: "0123456789abcdef",
  answers: ["answer"],
  options: [{ label: "Blue" }, { label: "Red" }],
};

const getMessages = (setup: OutboxSetup) => setup.telegram.chat(OUTBOX_CHAT).messages;

async function createAskedSetup(): Promise<OutboxSetup> {
  const setup = await createOutboxSetup();
  Object.assign(setup.deps.settings, { telegram: { chat: OUTBOX_CHAT } });
  await setup.store.commit({ put: [toRequestPut(QUESTION)] });
  await enqueueNotices(setup.store, [createNotice(1, {}, ASKED_EVENT)]);
  return setup;
}

async function storeAnswer({ store, time }: OutboxSetup): Promise<void> {
  const verdict = { answer: "answer", comment: "Red", by: "Ada", where: "page", at: time.now } as const;
  await store.commit({
    put: [toRequestPut({ ...QUESTION, verdict })],
    jobs: [createLiveRefreshJob(OUTBOX_CHAT, "item-1", "look-1", "c")],
  });
}

describe.each(["before", "after"] as const)("a crash %s each step (reliability 2)", (when) => {
  test("of sending a question: it is sent, a repeat is marked, and the last message has its buttons", async () => {
    let doubled = 0;
    await repeatForEachStep(async (at) => {
      const app = await createAskedSetup();
      if (!(await handleUntilCrash(app, at, when))) return false;
      app.time.now += app.jobHandler.leaseMs;
      await app.runUntilEmpty();
      const now = getMessages(app);
      expect(now.at(-1)?.buttons.flat(), `step ${at}`).toHaveLength(2);
      expect(now.filter(({ text }) => !text.includes(REPEAT_MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (now.length > 1) doubled += 1;
      expect(now.length, `step ${at}`).toBeLessThanOrEqual(2);
      await app.telegram.stop();
      return true;
    });
    // The message is only sent twice after a crash between the send and the commit that follows it.
    expect(doubled).toBe(1);
  });

  test("of showing the answer: the message shows it in the end", async () => {
    await repeatForEachStep(async (at) => {
      const app = await createAskedSetup();
      await app.runUntilEmpty();
      await storeAnswer(app);
      app.time.now += 2_000;
      if (!(await handleUntilCrash(app, at, when))) return false;
      app.time.now += app.jobHandler.leaseMs;
      await app.runUntilEmpty();
      expect(getMessages(app), `step ${at}`).toHaveLength(1);
      expect(getMessages(app)[0]?.text, `step ${at}`).toContain("Answered by Ada");
      expect(getMessages(app)[0]?.buttons, `step ${at}`).toEqual([]);
      await app.telegram.stop();
      return true;
    });
  });
});
