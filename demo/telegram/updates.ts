import { z } from "zod";
import { bad, type Refusal, refusal, result } from "./answers.ts";

/** An update as Telegram sends it. */
export interface SentUpdate {
  update_id: number;
  [kind: string]: unknown;
}

const getSchema = z.object({
  offset: z.number().int().default(0),
  timeout: z.number().min(0).default(0),
  limit: z.number().int().default(100),
  allowed_updates: z.array(z.string()).optional(),
});

const webhookSchema = z.object({
  url: z.string(),
  secret_token: z
    .string()
    .regex(/^[\w-]{1,256}$/)
    .optional(),
  allowed_updates: z.array(z.string()).optional(),
});

const CONFLICTS = {
  webhook:
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
  other: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
};

const conflict = (description: string): Refusal => ({ status: 409, description });

/**
 * What people do in chats, as the bot hears of it: by getUpdates (one caller at a time, kept until a later offset
 * confirms them) or by webhook (again after an answer that is not 2xx).
 */
export function createUpdates() {
  const waiting: SentUpdate[] = [];
  let next = 1;
  let poll: ((updates: SentUpdate[] | Refusal) => void) | undefined;
  let webhook: { url: string; secret: string | undefined; allowed: string[] } | undefined;
  let lastError: string | undefined;
  let delivering = Promise.resolve();

  async function deliver(update: SentUpdate): Promise<void> {
    if (!webhook) return;
    const { url, secret } = webhook;
    const headers = {
      "content-type": "application/json",
      ...(secret !== undefined && { "x-telegram-bot-api-secret-token": secret }),
    };
    try {
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(update) });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`Wrong response from the webhook: ${response.status}`);
      waiting.splice(waiting.indexOf(update), 1);
    } catch (thrown) {
      lastError = thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  /** Sends everything that waits to the webhook once more, one after the other; resolves when all were tried. */
  function redeliver(): Promise<void> {
    delivering = delivering.then(async () => {
      for (const update of [...waiting]) await deliver(update);
    });
    return delivering;
  }

  async function get(body: unknown): Promise<Response> {
    const asked = getSchema.safeParse(body);
    if (!asked.success) return refusal(bad(z.prettifyError(asked.error)));
    if (webhook) return refusal(conflict(CONFLICTS.webhook));
    poll?.(conflict(CONFLICTS.other));
    const { offset, timeout, limit } = asked.data;
    while (waiting[0] && waiting[0].update_id < offset) waiting.shift();
    if (waiting.length > 0 || timeout === 0) return result(waiting.slice(0, limit));
    const updates = await new Promise<SentUpdate[] | Refusal>((resolve) => {
      const timer = setTimeout(() => resolve([]), timeout * 1000);
      timer.unref();
      poll = (found) => {
        clearTimeout(timer);
        resolve(found);
      };
    });
    poll = undefined;
    return Array.isArray(updates) ? result(updates.slice(0, limit)) : refusal(updates);
  }

  return {
    get,
    setWebhook(body: unknown): Response {
      const asked = webhookSchema.safeParse(body);
      if (!asked.success) return refusal(bad(z.prettifyError(asked.error)));
      const { url, secret_token: secret, allowed_updates: allowed = [] } = asked.data;
      webhook = url === "" ? undefined : { url, secret, allowed };
      if (webhook) void redeliver();
      return result(true);
    },
    webhookInfo: (): Response =>
      result({
        url: webhook?.url ?? "",
        has_custom_certificate: false,
        pending_update_count: waiting.length,
        ...(webhook && { allowed_updates: webhook.allowed }),
        ...(lastError !== undefined && { last_error_message: lastError }),
      }),
    /** Somebody did something: the bot hears of it. Resolves when a webhook has been tried; answers the update. */
    async happen(kind: "message" | "callback_query", what: object): Promise<SentUpdate> {
      const update: SentUpdate = { update_id: next, [kind]: what };
      next += 1;
      waiting.push(update);
      if (webhook) await redeliver();
      else poll?.([...waiting]);
      return update;
    },
    /** The same update once more, as after a lost answer. */
    async again(update: SentUpdate): Promise<void> {
      if (!waiting.includes(update)) waiting.push(update);
      if (webhook) await redeliver();
      else poll?.([...waiting]);
    },
    redeliver,
    /** Whoever waits for updates gets none. */
    hangUp: () => poll?.([]),
  };
}
