import { messageOf } from "./errors.ts";
import type { Health } from "./health.ts";
import type { PlaneClient } from "./plane/client.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError } from "./plane/errors.ts";
import type { Bot } from "./telegram/bot.ts";

/** A Plane client whose every call tells the health record how it went. */
export function watchPlane(client: PlaneClient, health: Health): PlaneClient {
  async function watched<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      health.worked("plane");
      return answer;
    } catch (thrown) {
      note(thrown);
      throw thrown;
    }
  }

  function note(thrown: unknown) {
    if (thrown instanceof PlaneRateLimitedError) return;
    // 403 to one thing says little when others worked, but everything when nothing ever did: a mistyped workspace.
    const isForbidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isForbidden && health.of("plane").ok) return;
    if (answered(thrown)) health.worked("plane");
    else health.failed("plane", messageOf(thrown));
  }

  return {
    call: (endpoint, options) => watched(() => client.call(endpoint, options)),
    capabilities: () => watched(() => client.capabilities()),
    async *pages(endpoint, options) {
      const pages = client.pages(endpoint, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const page = await watched(() => pages.next());
          if (page.done) return;
          yield page.value;
        }
      } finally {
        await pages.return?.();
      }
    },
  };
}

/** Plane said no to one request, which shows that it works and knows us. */
function answered(thrown: unknown): boolean {
  if (!(thrown instanceof PlaneError)) return false;
  return thrown.code === "not_found" || thrown.code === "conflict" || thrown.code === "invalid";
}

/** A bot whose every call tells the health record how it went. */
export function watchBot(bot: Bot, health: Health): Bot {
  async function watched<T extends Awaited<ReturnType<Bot[keyof Bot]>>>(call: Promise<T>) {
    const outcome = await call;
    switch (outcome.kind) {
      case "wait":
        break;
      case "not_sent":
      case "unknown":
        health.failed("telegram", outcome.reason);
        break;
      case "refused":
        if (outcome.lasting) health.worked("telegram");
        else health.failed("telegram", outcome.reason);
        break;
      case "conflict":
        health.failed("telegram", outcome.reason);
        break;
      default:
        health.worked("telegram");
    }
    return outcome;
  }

  return {
    me: () => watched(bot.me()),
    send: (...call) => watched(bot.send(...call)),
    edit: (...call) => watched(bot.edit(...call)),
    answer: (...call) => bot.answer(...call),
    updates: (...call) => watched(bot.updates(...call)),
    webhook: () => watched(bot.webhook()),
    setWebhook: (...call) => watched(bot.setWebhook(...call)),
    commands: (...call) => watched(bot.commands(...call)),
    setCommands: (...call) => watched(bot.setCommands(...call)),
  };
}
