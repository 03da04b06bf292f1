import { expect, test } from "vitest";
import {
  type DeliveryContext,
  JOB_DONE,
  type SendAttempt,
  sendAttemptKey,
} from "../../../../functions/telegram/delivery/context.ts";
import { editMessage, sendInNextTry } from "../../../../functions/telegram/delivery/messages.ts";
import { TELEGRAM_LIMITS } from "../../../../functions/telegram/delivery/rate-limits.ts";
import { createPresentation } from "../../../../functions/telegram/presentation/presentation.ts";
import type { EditOutcome } from "../../../../shared/telegram/bot.ts";
import { toPlainText } from "../../../../shared/telegram/rich-text.ts";
import { takeOutboxJob } from "../outbox-crashes.ts";
import { createNotices, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../outbox-setup.ts";

type EditRequest = Parameters<typeof editMessage>[1];

/** Runs one edit that has this outcome. By default its text is sent as a new message when it fails for good. */
async function runEdit(outcome: EditOutcome, changes: Partial<EditRequest> = {}, isLeaseValid = true) {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  const job = await takeOutboxJob(setup);
  const reads: string[] = [];
  const calls: number[] = [];
  const read: typeof setup.store.read = (keys) => {
    reads.push(...keys);
    return setup.store.read(keys);
  };
  const context: DeliveryContext = {
    deps: { ...setup.deps, store: { ...setup.store, read } },
    bot: {
      ...setup.bot,
      editMessage: async (_, messageId) => {
        calls.push(messageId);
        return outcome;
      },
    },
    job,
    chat: OUTBOX_CHAT,
    presentation: createPresentation({ locale: "en" }),
    limits: TELEGRAM_LIMITS,
    burstWindow: 0,
    editDelay: 0,
    isLeaseValid: () => isLeaseValid,
  };
  const jobResult = await editMessage(context, {
    messageId: 7,
    rich: toPlainText("new"),
    priority: "reply",
    fields: { correlation: "c" },
    onEdited: async () => JOB_DONE,
    onPermanentFailure: () => sendInNextTry(context, undefined),
    ...changes,
  });
  const [attempt] = await setup.store.read<SendAttempt>([sendAttemptKey(job)]);
  return {
    settlement: jobResult,
    reads,
    calls,
    attempt: attempt?.value,
    now: setup.time.now,
    log: setup.lines.join("\n"),
  };
}

const GONE: EditOutcome = { kind: "gone", reason: "deleted" };

test("an edit that succeeds is recorded by its caller and reads no attempt", async () => {
  const { settlement: jobResult, reads, log } = await runEdit({ kind: "edited" });
  expect(jobResult).toEqual(JOB_DONE);
  expect(reads).toEqual([]);
  expect(log).toMatch(/"info".*telegram message edited/);
});

test("a frequent edit is logged with its own level and message", async () => {
  const successLog = { level: "debug", message: "telegram progress edited" } as const;
  expect((await runEdit({ kind: "edited" }, { successLog })).log).toMatch(/"debug".*telegram progress edited/);
});

test("a message that is gone is sent again by the next try", async () => {
  const { settlement: jobResult, attempt, now } = await runEdit(GONE);
  expect(jobResult).toEqual({ retryAt: now });
  expect(attempt).toEqual({ isUncertain: false, resend: true });
});

test("a caller can settle a permanent failure itself: then no attempt is read or written", async () => {
  const {
    settlement: jobResult,
    attempt,
    reads,
    log,
  } = await runEdit(GONE, { onPermanentFailure: async () => JOB_DONE });
  expect(jobResult).toEqual(JOB_DONE);
  expect([attempt, reads]).toEqual([undefined, []]);
  expect(log).toMatch(/"warn".*telegram message not edited/);
});

test("an edit whose answer is lost is retried, and the failure is counted by its job", async () => {
  const { settlement: jobResult, attempt, reads, now } = await runEdit({ kind: "unknown", reason: "no answer" });
  expect(jobResult).toEqual({ retryAt: now + 1_000, failed: true });
  expect([attempt, reads]).toEqual([undefined, []]);
});

test("a wait that Telegram requests is not counted as a failure", async () => {
  const { settlement: jobResult, attempt, now } = await runEdit({ kind: "wait", ms: 30_000 });
  expect(jobResult).toEqual({ retryAt: now + 30_000 });
  expect(attempt).toBeUndefined();
});

test("nothing is edited once the lease may have expired", async () => {
  const { settlement: jobResult, calls, now } = await runEdit({ kind: "edited" }, {}, false);
  expect(calls).toEqual([]);
  expect(jobResult).toEqual({ retryAt: now });
});
