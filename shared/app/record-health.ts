import { getErrorMessage } from "../errors.ts";
import type { Health } from "../health.ts";
import type { PlaneClient } from "../plane/client.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError } from "../plane/errors.ts";
import { requiresApiKey } from "../plane/route.ts";
import type { TelegramBot } from "../telegram/telegram-bot.ts";

/** Wraps a Plane client so that the result of every call is recorded for the health report. */
export function recordPlaneHealth(client: PlaneClient, health: Health): PlaneClient {
  /** @param usesKey without the key, a success shows little: the answer may come from a cache, the key may be wrong */
  async function withRecording<T>(call: () => Promise<T>, usesKey = true): Promise<T> {
    try {
      const answer = await call();
      if (usesKey) health.recordSuccess("plane");
      return answer;
    } catch (thrown) {
      if (usesKey) recordError(thrown);
      throw thrown;
    }
  }

  function recordError(thrown: unknown) {
    if (thrown instanceof PlaneRateLimitedError) return;
    // After a success, a 403 concerns one resource only. Before any success it is a failure, for example of a mistyped
    // workspace.
    const isForbidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isForbidden && health.get("plane").ok) return;
    if (isPlaneAnswer(thrown)) health.recordSuccess("plane");
    else health.recordFailure("plane", getErrorMessage(thrown));
  }

  return {
    call: (endpoint, options) => withRecording(() => client.call(endpoint, options), requiresApiKey(endpoint)),
    capabilities: () => withRecording(() => client.capabilities(), false),
    async *pages(endpoint, options) {
      const pages = client.pages(endpoint, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const page = await withRecording(() => pages.next());
          if (page.done) return;
          yield page.value;
        }
      } finally {
        await pages.return?.();
      }
    },
  };
}

/** Whether the error is a regular refusal of one request, which shows that Plane works and accepts our key. */
function isPlaneAnswer(thrown: unknown): boolean {
  if (!(thrown instanceof PlaneError)) return false;
  return thrown.code === "not_found" || thrown.code === "conflict" || thrown.code === "invalid";
}

/** Wraps a Telegram bot so that the result of every call is recorded for the health report. */
export function recordTelegramHealth(bot: TelegramBot, health: Health): TelegramBot {
  async function withRecording<T extends Awaited<ReturnType<TelegramBot[keyof TelegramBot]>>>(call: Promise<T>) {
    const outcome = await call;
    switch (outcome.kind) {
      case "wait":
        break;
      case "not_sent":
      case "unknown":
        health.recordFailure("telegram", outcome.reason);
        break;
      case "refused":
        if (outcome.lasting) health.recordSuccess("telegram");
        else health.recordFailure("telegram", outcome.reason);
        break;
      case "conflict":
        health.recordFailure("telegram", outcome.reason);
        break;
      default:
        health.recordSuccess("telegram");
    }
    return outcome;
  }

  return {
    getMe: () => withRecording(bot.getMe()),
    sendMessage: (...call) => withRecording(bot.sendMessage(...call)),
    editMessage: (...call) => withRecording(bot.editMessage(...call)),
    answerCallback: (...call) => bot.answerCallback(...call),
    getUpdates: (...call) => withRecording(bot.getUpdates(...call)),
    getWebhook: () => withRecording(bot.getWebhook()),
    setWebhook: (...call) => withRecording(bot.setWebhook(...call)),
    getCommands: (...call) => withRecording(bot.getCommands(...call)),
    setCommands: (...call) => withRecording(bot.setCommands(...call)),
  };
}
